// Package inject puts faults into systems and makes sure that they end. A fault is held by a helper process for as long
// as that process holds it, and the helper reverts it for whichever comes first: the parent is gone, the parent no
// longer renews its lease, the deadline has passed, or it is asked to. What would revert the fault is in a ledger on
// disk before the fault is made, and leaves it when a probe has seen that the fault is gone. What a killed helper leaves
// in the ledger is reverted by Sweep when the program starts, before anything else.
//
//	          ledger written      target says yes
//	planned ─────────────────► intent ─────────► active ──┐ end, parent gone, lease, deadline, target lost it
//	                             │ no, or no answer       ▼
//	                             └───────────────► reverting ──probe sees it gone──► ledger entry removed
//	                                                  │  ▲ back-off
//	                                                  └──┘──time is up──► failed, ledger entry kept for the next Sweep
//
// The helper has a session of its own, so that a signal to the parent's group does not reach it. A supervisor that kills
// a whole control group kills it too; then the lease at the target ends the fault, and Sweep looks after it.
//
// A ledger directory belongs to one program at a time.
package inject
