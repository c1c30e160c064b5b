// The stock service as a process. It joins the caller's transaction by the metadata of the call.
import { StockService } from '../support/stock-service.ts';
import { readSettings, sayReady } from './shop-settings.ts';

const { coordinator: address, stockUrl, stockAddress: listen } = readSettings();
await StockService.start({ address, stockUrl, listen, max: 16, scanIntervalMs: 1_000 });
sayReady();
