// Package script runs a runbook's script: Starlark from the fenced blocks of a Markdown file, in which every step that
// touches the world is an effect asked of the caller, one after the other. What the caller answers is written to a
// journal, and the journal played back brings a script that was interrupted, by a crash, an approval or a timer, to the
// same line with the same values.
//
// It is not a place for effects: it has no clock, no network and no store. It cannot limit memory either; a script
// whose author is not trusted runs in a child process that has a limit.
//
// One entry of the journal:
//
//	               Record                     Record
//	Call ────────────────────► intent ──────────────────► done      the answer is known, played back from here on
//	                           │    ▲
//	     ErrParked: nothing    │    │ asked again
//	     has happened yet      ▼    │
//	                          waiting
//	                           intent ──────────────────► unknown   it may have happened, a person decides:
//	                                  ErrUnknownOutcome             done, waiting (it did not happen) or the end
//
// An intent that is found without an answer after a crash is handled by the class of its built-in: read is asked again,
// keyed is asked again with the same key, undoable asks its probe, once is never repeated: a person is asked.
package script
