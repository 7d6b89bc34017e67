// Package storetest is the one suite for both databases: every method of the store, with the same questions and the same
// answers on SQLite and on PostgreSQL. It opens the databases too, for tests that need two handles on one. It is for
// tests only.
//
// PostgreSQL is used when NIGHTKEEPER_TEST_POSTGRES holds the address of a database in which schemas may be created, such
// as postgres://postgres@127.0.0.1:5432/postgres. Each test has a schema of its own.
package storetest
