package catalog

import "time"

// SLO is a service-level objective, read from an OpenSLO v1 document whose indicator counts spans: good and total are
// span selectors, and an event is good when it matches both.
type SLO struct {
	Meta
	Service     string        `json:"service"`
	Description string        `json:"description,omitempty"`
	Target      float64       `json:"target"`             // share of events that must be good, 0.999
	Window      time.Duration `json:"window"`             // rolling; of a period of the calendar about how long it is
	Calendar    *Calendar     `json:"calendar,omitempty"` // nil when the window is rolling
	Operation   string        `json:"operation,omitempty"`
	MaxDuration time.Duration `json:"max_duration,omitempty"` // an event slower than this is bad
	Line        int           `json:"-"`
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
	Total   *openMetric `yaml:"total"`
}

type openMetric struct {
	MetricSource struct {
		Type string   `yaml:"type"`
		Spec spanSpec `yaml:"spec"`
	} `yaml:"metricSource"`
}

// spanSpec selects the server spans of a service.
type spanSpec struct {
	Service     string   `yaml:"service"`
	Operation   string   `yaml:"operation"`
	Errors      *bool    `yaml:"errors"`
	MaxDuration Duration `yaml:"maxDuration"`
}
