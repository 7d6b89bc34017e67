// Package store is the one SQL store: it keeps what every phase needs in SQLite or PostgreSQL with one text for both,
// appends facts, finds due jobs and moves cursors. It has no rule, no permission and no clock; it never branches on a
// value of the domain.
//
// All writing goes through one writer: callers hand over closures, the writer runs as many as are waiting in one
// transaction, each in its own savepoint, and answers them after the commit. On PostgreSQL the writer first takes an
// advisory lock, so that replicas write one after the other too. Facts therefore get their numbers in the order in which
// they become visible, and a reader with a cursor cannot miss one.
package store
