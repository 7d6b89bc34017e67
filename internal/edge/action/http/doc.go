// Package http is the action that makes one HTTP request for a runbook. A runbook's URL may come from an alert, so the
// request goes only where the configuration allows: the address is checked when the connection is made, after the name
// was resolved, and again for each redirect. Secrets are named in headers, put in when the request is sent, and taken
// out of everything that comes back; each of them goes to the servers that it is meant for and to no other.
//
// It does not retry and does not judge a status: the runbook does. It uses no proxy, because behind one the address that
// is connected to is not the one that answers.
package http
