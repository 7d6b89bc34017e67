// Package ask makes one HTTP request to a provider outside and gives what comes back a code: taken, never (invalid), or
// later (unavailable, with how long to wait when the provider says so). Addresses and headers may hold secrets, so no
// error repeats them. It does not retry, follows no redirect, and does not decide where a request may go: the transport
// that it is given does.
package ask
