// Package event is the log of facts: what happened, when, to what, by whom. The same log is the audit trail, the
// incident's timeline, the postmortem's source, the live feed of the pages and the outgoing webhooks; there is no
// second history. It is not a bus: a fact exists when the transaction that reports it has committed, and a reader with
// a cursor sees every fact once it has committed and none before.
package event
