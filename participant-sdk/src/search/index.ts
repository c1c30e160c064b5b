// The public list of @unanimous/participant-sdk/search, kept by hand.

export { type Search, search, type SearchOptions } from './search.ts';
export { notRemoved } from './search-document.ts';
export type { SearchClient, SearchRequest, SearchRequestOptions } from './search-client.ts';
