package graph

import (
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// Blast is what fails with a service: who depends on it, and what a minute of its failure costs.
type Blast struct {
	Service           string        `json:"service"`
	Dependents        []string      `json:"dependents"`
	RequestsPerMinute float64       `json:"requests_per_minute"` // customer requests that enter at it or at a dependent
	RevenuePerMinute  float64       `json:"revenue_per_minute"`
	Currency          string        `json:"currency,omitempty"`
	Window            time.Duration `json:"window_ns"` // over which the rates were taken
}

// BlastRadius returns what a failure of the service takes down, at the traffic of the window before now. Requests that
// could avoid the service are counted too: it is an upper bound.
func (l *Live) BlastRadius(c *catalog.Catalog, service string, window time.Duration, now time.Time) Blast {
	topo := NewTopology(l.Edges(now.Add(-15 * time.Minute)))
	b := Blast{Service: service, Dependents: topo.Dependents(service), Window: window}
	minutes := window.Minutes()
	for _, name := range append(slices.Clone(b.Dependents), service) {
		roots := float64(l.Service(name, now.Add(-window), now).Roots)
		b.RequestsPerMinute += roots / minutes
		if s := c.Services[name]; s != nil {
			b.RevenuePerMinute += roots / minutes * s.RevenuePerRequest
			if s.Currency != "" {
				b.Currency = s.Currency
			}
		}
	}
	return b
}
