/** What can be taken out, one at a time: a rule of PROTOCOL.md, and what is done instead. */
export const rules = {
  '1-order': 'a service answers its caller before its enlist is acknowledged',
  '1-begin': 'an enlist of a transaction that is not live begins it anew',
  '1-reserved': 'a gid that its session has not told of yet hears abort',
  '1-void': 'the gids of a session outlive it',
  '1-home': 'a transaction whose gid has left its process is committed at home',
  '1-votes': 'a transaction is told before all its branches have voted',
  '2-incarnation': 'a branch outlives its session, and an unknown branch votes read-only',
  '2-whole': 'prepare does not look whether the handler has returned',
  '3-log': 'the deadline aborts while the decision is with the log',
  '3-yes': 'a participant aborts alone after its yes, when its session breaks',
  '3-hello': 'the list of a hello is taken for the votes',
  '3-handed-over': 'a participant aborts alone after its vote has left with the whole',
  '6-fence': 'the permission for one phase goes out before its record is durable',
  '7-mark': 'a transaction is forgotten without a mark',
  '8-acknowledged': 'a commit is forgotten after the first acknowledgement',
  '8-orphan': 'a prepared branch of nobody is left alone',
  '8-incarnation': 'a branch of a restored resource manager is taken for any other',
  '9-home': 'the lost answer of a commit at home is taken for an abort',
  '10-resend': 'nothing is sent again on hello',
  '10-wait': 'a branch of a live transaction that is asked about hears abort',
  '11-unknown': 'a branch that is not found at its commit counts as committed',
  '13-abort-receipt': 'an abort that finds no branch asks no receipt',
  '13-word': "what hangs on an operator's word is answered before it is durable",
  '13-append': "any answer of the log lets out what hangs on an operator's word",
  '13-found': 'what a participant finds ended by hand is not written down',
  '13-entry': "an operator's word is followed before it is written down",
  '13-audited': 'a scan does not read what was written down',
  '14-place': 'a target overwrites without comparing places',
  '15-after-natives': 'effects go out beside the native commits',
  '15-unasked': 'effects are applied unasked beside the commits',
  '16-acknowledged': 'it is not logged who has acknowledged where another did not follow',
  '17-position': 'a log restored from a backup is not noticed',
  '18-start': 'what a restart reads is answered before it is forced to the disk',
  '19-log-id': "another log's branches are judged, too",
  '20-undetermined': 'a coordinator whose append has failed answers aborted',
} as const;

/** Name of a rule that is taken out. */
export type RuleName = keyof typeof rules;

/** All rules that can be taken out. */
export const ruleNames = Object.keys(rules) as readonly RuleName[];
