package remediate

import (
	"context"

	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
)

// Store keeps runs, their journals and their approvals.
type Store interface {
	// View runs fn on a consistent snapshot; it changes nothing.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in one transaction: all of it is durable when Update returns nil, none of it otherwise. fn may be run
	// again and must have no effect outside.
	Update(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction of a Store. It has respond's too: a run orders its incident's status in the same transaction.
type Tx interface {
	respond.Tx
	// Run returns a run or an error with code not_found.
	Run(ctx context.Context, id RunID) (Run, error)
	// Runs returns the newest runs: those of an incident when it is set.
	Runs(ctx context.Context, incident respond.ID, limit int) ([]Run, error)
	SaveRun(ctx context.Context, r Run) error
	// Journal returns the entries of a run in order.
	Journal(ctx context.Context, run RunID) ([]script.Entry, error)
	// SaveEntry stores an entry under its number, in place of an earlier one.
	SaveEntry(ctx context.Context, run RunID, e script.Entry) error
	// Approval returns an approval or an error with code not_found.
	Approval(ctx context.Context, run RunID, seq int) (Approval, error)
	// Approvals returns those of a run, or all pending ones when run is empty.
	Approvals(ctx context.Context, run RunID) ([]Approval, error)
	SaveApproval(ctx context.Context, a Approval) error
}
