// Package sandbox runs a runbook's script in a child process with limits on memory and processor time, because the
// interpreter has none: forty lines of Starlark can end the process that they run in. The child is this program again,
// with an empty environment and nothing but its three standard files; it evaluates, and asks its parent over them, in
// lines of JSON, for every effect. Journal, secrets and approvals never leave the parent.
//
// It is not a jail against a flaw in the interpreter itself: the child has no new privileges but is the same user. What
// it says is checked all the same: names, arguments and order of calls, and the size of everything.
package sandbox
