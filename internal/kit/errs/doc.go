// Package errs gives an error three parts: a code that callers and clients can tell apart, a message that may be
// shown to a person, and a cause that goes to the log only. It is not a logger and knows no transport: web and CLI
// translate codes in one place each.
package errs
