package prevent

import (
	"cmp"
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/respond"
)

// Origin says where an experiment comes from.
type Origin string

// Origins: the catalog, or an incident that it recreates.
const (
	Declared     Origin = "declared"
	FromIncident Origin = "proposed"
)

// defaultAbort is the share of bad events of a watched objective at which a fault ends when the experiment does not say.
const defaultAbort = 0.01

// Experiment is a fault on purpose, with what is expected to stay true and what ends it early.
type Experiment struct {
	Name       string         `json:"name"`
	Title      string         `json:"title"`
	Hypothesis string         `json:"hypothesis"`
	Target     string         `json:"target"`
	Fault      catalog.Fault  `json:"fault"`
	Duration   time.Duration  `json:"duration_ns"`
	Watch      []string       `json:"watch"`
	AbortAbove float64        `json:"abort_above"`
	Origin     Origin         `json:"origin"`
	Incident   respond.ID     `json:"incident,omitempty"`
	Group      detect.GroupID `json:"group,omitempty"`
	Postmortem learn.ID       `json:"postmortem,omitempty"`
	ProposedAt time.Time      `json:"proposed_at,omitzero"`
	Items      []learn.ItemID `json:"items,omitempty"` // action items that it proves
	Last       *Run           `json:"last,omitempty"`  // newest run
}

// of returns an experiment as it is declared.
func of(e *catalog.Experiment) Experiment {
	return Experiment{
		Name: e.Name, Title: e.Title(), Hypothesis: e.Hypothesis, Target: e.Target, Fault: e.Fault, Duration: e.Duration.D(),
		Watch: e.Watch, AbortAbove: cmp.Or(e.AbortAbove, defaultAbort), Origin: Declared,
	}
}

// propose returns the experiment that recreates an incident; ok is false when none can.
func propose(c *catalog.Catalog, i respond.Incident, now time.Time) (Experiment, bool) {
	s, ok := learn.Suggest(c, i)
	if !ok {
		return Experiment{}, false
	}
	e := of(s)
	e.Origin, e.Incident, e.Group, e.Postmortem, e.ProposedAt = FromIncident, i.ID, i.Group, learn.IDOf(i.ID), now
	return e, true
}

// services returns the services of the watched objectives.
func (e Experiment) services(c *catalog.Catalog) []string {
	var out []string
	for _, name := range e.Watch {
		if o := c.SLOs[name]; o != nil && !slices.Contains(out, o.Service) {
			out = append(out, o.Service)
		}
	}
	return out
}
