// The stock service, which scans often: what it left prepared is soon found.
import { readSettings, sayReady } from '../../integration/services/shop-settings.ts';
import { StockService } from '../../integration/support/stock-service.ts';
import { boundedScanMs } from './pace.ts';

const { coordinator: address, stockUrl, stockAddress: listen } = readSettings();
await StockService.start({ address, stockUrl, listen, max: 16, scanIntervalMs: boundedScanMs });
sayReady();
