// Package page is the third phase: it reaches people. An alert group that needs a person becomes one page; the escalation
// policy says who is told, and who next when nobody acknowledges; a page may be held for a bounded time while a low-risk
// runbook tries. It does not know incidents or runbooks: later phases order it to release, raise or resolve.
//
// A page:
//
//	       hold > 0         hold over, or released
//	(none) ────────▶ held ──────────────────────────▶ open ──── nobody acknowledges: next step, then next loop ──┐
//	   │               │ resolved in time: nobody told  │  ▲────────────────────────────────────────────────────┘
//	   │ hold = 0      ▼                                │ acknowledged          resolved
//	   └──────────▶ resolved ◀──────────────────────────┴──────────▶ acked ─────────────▶ resolved
//
// A page may also be a call, which a later phase orders and no alert is about: somebody has to take command. It is open from
// the start, and ends when that phase says so.
//
// A hold is made longer once, by Settle, when a runbook says that it ended well: the alert needs a moment to see it.
//
// What must hold: a page that is held or open has a timer until its policy is exhausted, which is said; a person is told
// at least once for each step; nothing is called sent before the channel accepted it.
package page
