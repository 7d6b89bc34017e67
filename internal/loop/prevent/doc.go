// Package prevent is the eighth phase: it keeps what happened from happening again. An experiment makes a fault on purpose
// and watches whether the objectives hold; one that recreates an incident proves that its fix works. The gate answers
// whether a release may go out, from the error budgets and what is going on. It does not touch the fleet itself: an
// Injector holds the fault, and the pipeline obeys the gate.
//
// An experiment run:
//
//	          somebody starts it            all checks pass            duration over
//	(none) ──▶ planned ──▶ preflight ────────────────────────▶ running ─────────────▶ monitoring ──▶ passed / failed
//	              │            │ a check fails                   │ │ threshold, alert,    ▲ │
//	              │ killed     │ or killed                       │ │ incident, kill: ─────┘ │ ended early
//	              ▼            ▼                                 ▼   fault ended first      ▼
//	           aborted ◀───────┴───────── interrupted by a restart ─────────────────────▶ aborted
//
// A freeze of a service's releases:
//
//	        an objective's budget is spent to freezeAt           all are spent to less than liftBelow
//	(none) ────────────────────────────────────────────▶ frozen ─────────────────────────────────────▶ thawed
//
// What must hold: there is at most one fault at a time; a fault is ended before its run leaves running, or by its own
// lease when nobody is there to end it; an interrupted run is never injected again; every answer of the gate is a fact
// with a name and its reasons.
package prevent
