package learn

import (
	"context"
	"time"

	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
)

// Store keeps postmortems, action items and proofs.
type Store interface {
	// View runs fn on a consistent snapshot; it changes nothing.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in one transaction: all of it is durable when Update returns nil, none of it otherwise. fn may be run
	// again and must have no effect outside.
	Update(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction of a Store. It has remediate's too: a postmortem is drafted from the runs of its incident.
type Tx interface {
	remediate.Tx
	// Postmortem returns a postmortem without its items, or an error with code not_found.
	Postmortem(ctx context.Context, id ID) (Postmortem, error)
	// Postmortems returns the newest postmortems without their items.
	Postmortems(ctx context.Context, limit int) ([]Postmortem, error)
	SavePostmortem(ctx context.Context, p Postmortem) error
	// Item returns an action item or an error with code not_found.
	Item(ctx context.Context, id ItemID) (ActionItem, error)
	// Items returns those of a postmortem, or of all when it is empty; only open ones when open is set; by due time.
	Items(ctx context.Context, postmortem ID, open bool, limit int) ([]ActionItem, error)
	SaveItem(ctx context.Context, a ActionItem) error
	// Proof returns the newest pass of an experiment that began after a time, or an error with code not_found.
	Proof(ctx context.Context, experiment string, after time.Time) (Proof, error)
	SaveProof(ctx context.Context, p Proof) error
	// IncidentsSince returns the incidents opened in [from, to), the oldest first.
	IncidentsSince(ctx context.Context, from, to time.Time) ([]respond.Incident, error)
}
