package detect

import (
	"context"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
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
	job.Enqueuer
	// Alert returns an alert or an error with code not_found.
	Alert(ctx context.Context, id AlertID) (Alert, error)
	// Alerts returns alerts: those of a group when group is set, only firing ones when firing is set; the oldest first.
	Alerts(ctx context.Context, group GroupID, firing bool) ([]Alert, error)
	// FiringOf returns the firing alerts of the given identities.
	FiringOf(ctx context.Context, identities []string) ([]Alert, error)
	// Firing returns firing alerts with an id after the given one, in order of id, at most limit.
	Firing(ctx context.Context, after AlertID, limit int) ([]Alert, error)
	// Inhibiting returns the firing alerts that may mute others.
	Inhibiting(ctx context.Context) ([]Alert, error)
	// Expired returns firing alerts whose EndsAt is not after now, at most limit.
	Expired(ctx context.Context, now time.Time, limit int) ([]Alert, error)
	// CountFiring returns how many alerts of a group fire and are not muted: those that page, and all.
	CountFiring(ctx context.Context, group GroupID) (pages, all int, err error)
	// NewestAlerts returns the newest alert of every integration.
	NewestAlerts(ctx context.Context) ([]Alert, error)
	// FindAlerts returns alerts that a filter selects, the newest first.
	FindAlerts(ctx context.Context, f Filter) ([]Alert, error)
	// LastAlerts returns the newest alert of every SLO.
	LastAlerts(ctx context.Context) ([]Alert, error)
	SaveAlert(ctx context.Context, a Alert) error
	// Group returns a group that is not closed, or an error with code not_found.
	Group(ctx context.Context, id GroupID) (Group, error)
	// OpenGroupsOf returns the groups with one of the services that are not closed, the newest first.
	OpenGroupsOf(ctx context.Context, services []string) ([]Group, error)
	// OverdueGroups returns the groups that are not closed and have been quiet since before one time, or have alerts that no
	// fact has spoken of since before another.
	OverdueGroups(ctx context.Context, quiet, untold time.Time) ([]Group, error)
	// GroupOfKey returns the newest open group with an alert of the group key, or an error with code not_found.
	GroupOfKey(ctx context.Context, key string) (Group, error)
	// SaveGroup writes a group; closed groups are not found any more.
	SaveGroup(ctx context.Context, g Group, closed bool) error
	// Silence returns a silence or an error with code not_found.
	Silence(ctx context.Context, id SilenceID) (Silence, error)
	// Silences returns those that end after a time, the newest first.
	Silences(ctx context.Context, after time.Time) ([]Silence, error)
	SaveSilence(ctx context.Context, s Silence) error
	// Exclusion returns an exclusion or an error with code not_found.
	Exclusion(ctx context.Context, id ExclusionID) (Exclusion, error)
	// Exclusions returns those that end after a time, the newest first.
	Exclusions(ctx context.Context, after time.Time) ([]Exclusion, error)
	SaveExclusion(ctx context.Context, x Exclusion) error
	// Heartbeat returns a heartbeat or an error with code not_found.
	Heartbeat(ctx context.Context, name string) (Heartbeat, error)
	// Heartbeats returns all heartbeats, by name.
	Heartbeats(ctx context.Context) ([]Heartbeat, error)
	SaveHeartbeat(ctx context.Context, h Heartbeat) error
	// DropHeartbeat removes a heartbeat; one that does not exist is no error.
	DropHeartbeat(ctx context.Context, name string) error
	// Mark returns a time that was kept under a name; zero when none was.
	Mark(ctx context.Context, name string) (time.Time, error)
	SaveMark(ctx context.Context, name string, at time.Time) error
	// SavePayload keeps a payload, and of those of its integration that were refused too, or taken too, the last MostPayloads.
	SavePayload(ctx context.Context, p Payload) error
	// Payloads returns those of an integration, or of all when it is empty; the newest first.
	Payloads(ctx context.Context, integration string) ([]Payload, error)
	// DropPayloads removes those that came before a time.
	DropPayloads(ctx context.Context, before time.Time) error
	// SaveBuckets writes whole counts of ledger buckets.
	SaveBuckets(ctx context.Context, objective string, bs []slo.Bucket) error
	// Buckets calls fn with every stored bucket.
	Buckets(ctx context.Context, fn func(objective string, b slo.Bucket)) error
	// SaveStream keeps what is remembered of a metric of a resource.
	SaveStream(ctx context.Context, s slo.Stream) error
	// Streams calls fn with every stream that is kept.
	Streams(ctx context.Context, fn func(s slo.Stream)) error
	// DropStream removes a stream; one that does not exist is no error.
	DropStream(ctx context.Context, key uint64) error
	// DropBuckets removes buckets of a resolution older than the given number.
	DropBuckets(ctx context.Context, resolution int, before int64) error
}

// Filter selects alerts. Zero fields select everything.
type Filter struct {
	State       State
	Service     string
	Severity    Severity
	Integration string
	Muted       *bool
	Words       []string // each is in what other systems said of their alert, without regard to case; ASCII letters, digits and .:/@-
	Before      AlertID  // older than this one
	Limit       int      // 0 is 100
}
