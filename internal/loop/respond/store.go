package respond

import (
	"context"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

// Store keeps incidents.
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
	event.Reader
	job.Enqueuer
	detect.Settler
	page.Ender
	// Incident returns an incident or an error with code not_found.
	Incident(ctx context.Context, id ID) (Incident, error)
	// IncidentOf returns the incident of a group or an error with code not_found.
	IncidentOf(ctx context.Context, g detect.GroupID) (Incident, error)
	// Incidents returns the newest incidents, only unresolved ones when open is set.
	Incidents(ctx context.Context, open bool, limit int) ([]Incident, error)
	SaveIncident(ctx context.Context, i Incident) error
	// Handoff returns a handoff or an error with code not_found.
	Handoff(ctx context.Context, id HandoffID) (Handoff, error)
	// Handoffs returns those of an incident, or of all when it is empty, the newest first.
	Handoffs(ctx context.Context, incident ID, limit int) ([]Handoff, error)
	SaveHandoff(ctx context.Context, h Handoff) error
	// Overrides returns what people changed about the schedules between two times; see page.Rotas.
	Overrides(ctx context.Context, schedule string, from, to time.Time) ([]rota.Override, error)
	// NextNumber returns the next number of a named sequence, starting at 1.
	NextNumber(ctx context.Context, name string) (int64, error)
}
