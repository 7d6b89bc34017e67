package prevent

import (
	"context"
	"time"

	"nightkeeper/internal/loop/learn"
)

// Store keeps proposed experiments, their runs, freezes, and which images ran.
type Store interface {
	// View runs fn on a consistent snapshot; it changes nothing.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in one transaction: all of it is durable when Update returns nil, none of it otherwise. fn may be run
	// again and must have no effect outside.
	Update(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction of a Store. It has learn's too: a passed experiment proves action items in the same transaction.
type Tx interface {
	learn.Tx
	// Proposal returns a proposed experiment or an error with code not_found.
	Proposal(ctx context.Context, name string) (Experiment, error)
	// Proposals returns the proposed experiments, the newest first.
	Proposals(ctx context.Context) ([]Experiment, error)
	SaveProposal(ctx context.Context, e Experiment) error
	// ExperimentRun returns a run or an error with code not_found.
	ExperimentRun(ctx context.Context, id RunID) (Run, error)
	// ExperimentRuns returns the newest runs, those of an experiment when it is set.
	ExperimentRuns(ctx context.Context, experiment string, limit int) ([]Run, error)
	// ActiveRuns returns the runs that are not over.
	ActiveRuns(ctx context.Context) ([]Run, error)
	// SaveExperimentRun writes a run; an error with code conflict says that another one is not over.
	SaveExperimentRun(ctx context.Context, r Run) error
	// Freezes returns the newest freezes, only those that hold when active is set.
	Freezes(ctx context.Context, active bool, limit int) ([]Freeze, error)
	// FreezeOf returns the freeze that holds for a service or an error with code not_found.
	FreezeOf(ctx context.Context, service string) (Freeze, error)
	SaveFreeze(ctx context.Context, f Freeze) error
	// Ran reports whether an image of a service ran before.
	Ran(ctx context.Context, service, image string) (bool, error)
	// SaveRan remembers that an image of a service runs; a second time changes nothing.
	SaveRan(ctx context.Context, service, image string, now time.Time) error
}
