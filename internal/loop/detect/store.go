package detect

import (
	"context"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/detect/slo"
)

// Store keeps alerts, groups and ledgers.
type Store interface {
	// View runs fn on a consistent snapshot; it changes nothing.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in one transaction: all of it is durable when Update returns nil, none of it otherwise. fn may be run
	// again and must have no effect outside.
	Update(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction of a Store.
type Tx interface {
	event.Appender
	// Alert returns an alert or an error with code not_found.
	Alert(ctx context.Context, id AlertID) (Alert, error)
	// Alerts returns alerts: those of a group when group is set, only firing ones when firing is set; the oldest first.
	Alerts(ctx context.Context, group GroupID, firing bool) ([]Alert, error)
	// LastAlerts returns the newest alert of every SLO.
	LastAlerts(ctx context.Context) ([]Alert, error)
	SaveAlert(ctx context.Context, a Alert) error
	// OpenGroups returns the groups that are not closed, the newest first.
	OpenGroups(ctx context.Context) ([]Group, error)
	// SaveGroup writes a group; closed groups are not returned by OpenGroups any more.
	SaveGroup(ctx context.Context, g Group, closed bool) error
	// SaveBuckets writes whole counts of ledger buckets.
	SaveBuckets(ctx context.Context, objective string, bs []slo.Bucket) error
	// Buckets calls fn with every stored bucket.
	Buckets(ctx context.Context, fn func(objective string, b slo.Bucket)) error
	// DropBuckets removes buckets of a resolution older than the given number.
	DropBuckets(ctx context.Context, resolution int, before int64) error
}
