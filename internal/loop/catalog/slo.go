package catalog

import (
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// SLO is a service-level objective, read from an OpenSLO v1 document whose indicator counts spans of the service, or
// points of metrics.
type SLO struct {
	Meta
	Service     string        `json:"service"`
	Description string        `json:"description,omitempty"`
	Target      float64       `json:"target"`             // share of events that must be good, 0.999
	Window      time.Duration `json:"window"`             // rolling; of a period of the calendar about how long it is
	Calendar    *Calendar     `json:"calendar,omitempty"` // nil when the window is rolling
	Operation   string        `json:"operation,omitempty"`
	MaxDuration time.Duration `json:"max_duration,omitempty"` // an event slower than this is bad
	Metrics     *Ratio        `json:"metrics,omitempty"`      // nil when spans are counted
	Slices      *Slices       `json:"slices,omitempty"`       // nil when events are counted
	Line        int           `json:"-"`
}

// Slices is how time is counted instead of events: each slice of it is good when enough of its events are.
type Slices struct {
	Window time.Duration `json:"window"`
	Target float64       `json:"target"` // share of a slice's events that must be good
}

// Ratio is what of metrics an objective counts: good or bad of total.
type Ratio struct {
	Good  *Selector `json:"good,omitempty"`
	Bad   *Selector `json:"bad,omitempty"` // instead of Good
	Total *Selector `json:"total"`
}

// Parts returns the selectors that are given, by the name that a document has for them.
func (r *Ratio) Parts() map[string]*Selector {
	out := map[string]*Selector{"total": r.Total}
	if r.Good != nil {
		out["good"] = r.Good
	}
	if r.Bad != nil {
		out["bad"] = r.Bad
	}
	return out
}

// Selector selects series of a metric, by the names that it and its attributes have in OTLP. A point of a counter is as many
// events as it was counted up by, a point of a histogram as many as it has observations.
type Selector struct {
	Metric    string   `json:"metric"`
	Service   string   `json:"service"`             // that reports it
	Match     []string `json:"match,omitempty"`     // matchers of attributes of the point and its resource
	Threshold float64  `json:"threshold,omitempty"` // in the unit of the metric: good is up to it, bad above it; 0 is none

	Matchers labels.Matchers `json:"-"`
}

// Budget returns the share of events that may be bad.
func (s *SLO) Budget() float64 { return 1 - s.Target }

// openSLO is the part of an OpenSLO v1 SLO document that is understood.
type openSLO struct {
	Description     string             `yaml:"description"`
	Service         string             `yaml:"service"`
	Indicator       *openIndicator     `yaml:"indicator"`
	TimeWindow      []openWindow       `yaml:"timeWindow"`
	BudgetingMethod string             `yaml:"budgetingMethod"`
	Objectives      []openSLOObjective `yaml:"objectives"`
}

type openWindow struct {
	Duration  string `yaml:"duration"`
	IsRolling bool   `yaml:"isRolling"`
	Calendar  *struct {
		StartTime string `yaml:"startTime"`
		TimeZone  string `yaml:"timeZone"`
	} `yaml:"calendar"`
}

type openSLOObjective struct {
	DisplayName   string   `yaml:"displayName"`
	Target        *float64 `yaml:"target"`
	TargetPercent *float64 `yaml:"targetPercent"`

	TimeSliceTarget *float64  `yaml:"timeSliceTarget"`
	TimeSliceWindow *Duration `yaml:"timeSliceWindow"`
}

type openIndicator struct {
	Metadata Meta `yaml:"metadata"`
	Spec     struct {
		RatioMetric *openRatio `yaml:"ratioMetric"`
	} `yaml:"spec"`
}

type openRatio struct {
	Counter bool        `yaml:"counter"`
	Good    *openMetric `yaml:"good"`
	Bad     *openMetric `yaml:"bad"`
	Total   *openMetric `yaml:"total"`
}

type openMetric struct {
	MetricSource struct {
		Type string     `yaml:"type"`
		Spec sourceSpec `yaml:"spec"`
	} `yaml:"metricSource"`
}

// sourceSpec selects server spans of a service, or series of a metric.
type sourceSpec struct {
	Service     string   `yaml:"service"`
	Operation   string   `yaml:"operation"`
	Errors      *bool    `yaml:"errors"`
	MaxDuration Duration `yaml:"maxDuration"`

	Metric    string   `yaml:"metric"`
	Match     []string `yaml:"match"`
	Threshold *float64 `yaml:"threshold"`
}

// Types of a metricSource.
const (
	sourceSpans   = "spans"
	sourceMetrics = "metrics"
)
