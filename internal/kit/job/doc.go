// Package job has the words for work that is due: a timer changes our own state and runs inside the transaction that
// removes it, so it happens exactly once; a task reaches outside, is leased while it runs, and is retried with back-off
// until it succeeds or is given up where people can see it, so it happens at least once. It is not a scheduler of
// everything: each thing has at most one due job of a kind, found by its key.
package job
