// Package remediate is the sixth phase: when an incident's cause is named, it finds the runbook for it and runs it. Each
// run is pinned to the text it started with and journaled step by step, so that a run that was interrupted goes on where
// it was and repeats nothing that must not be repeated. It does not decide whether the incident is over: the SLO does.
//
// A run:
//
//	          low risk, or started by a person          resolve()
//	(none) ─────────────────────────────▶ running ─────────────────▶ succeeded
//	                                       │ ▲  │ escalate(), fail(), end of script, limits
//	                     approve(), wait() │ │  └────────────────▶ escalated / failed
//	                                       ▼ │ decided, or time over
//	                                     waiting ──── incident resolved meanwhile ───▶ ended
//	                                       running ── an action that must not be repeated may have happened ──▶ unknown
//	                                       running ◀──────────── a person says whether it happened ──────────── unknown
//
// What must hold: nothing suspicious is touched; a runbook that is not low-risk changes nothing before an approval, and
// an approval never comes from time running out; a run that does not end well releases the page.
package remediate
