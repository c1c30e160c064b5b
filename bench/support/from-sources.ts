/** Arguments with which node runs our sources unbuilt. */
export const fromSources = ['--conditions=@unanimous/source', '--import', 'tsx'];
