package catalog

import "time"

// Integration says where in the JSON that a system sends the parts of an alert are. Its name is the name of the token that
// the system sends with. A field is a path such as labels.service or alerts.0.id; what is not given is looked for under the
// names that most systems use.
type Integration struct {
	Meta        `yaml:"-"`
	Alerts      string            `yaml:"alerts"`      // list of alerts; default the body itself
	Key         string            `yaml:"key"`         // tells an alert from others; the same key again is the same alert
	Title       string            `yaml:"title"`       // one line
	Description string            `yaml:"description"` // more
	Severity    string            `yaml:"severity"`
	Service     string            `yaml:"service"`
	URL         string            `yaml:"url"`    // where the system shows it
	Status      string            `yaml:"status"` // says whether it is over
	Over        []string          `yaml:"over"`   // values of status that say so
	Labels      map[string]string `yaml:"labels"` // label -> path
}

// Heartbeat is a sign of life that a job sends. When it stays away, an alert fires.
type Heartbeat struct {
	Meta     `yaml:"-"`
	Interval Duration `yaml:"interval"` // how often the job says that it lives
	Grace    Duration `yaml:"grace"`    // how much later it may be; default 1m
	Service  string   `yaml:"service"`  // that the alert is about
	Severity string   `yaml:"severity"` // SEV1 to SEV4; default SEV2
}

// Bounds of a heartbeat.
const (
	shortestBeat = 10 * time.Second
	longestBeat  = 366 * 24 * time.Hour
)

// CheckBeat says what is wrong with how often a sign of life is expected, or returns "".
func CheckBeat(interval, grace time.Duration) string {
	switch {
	case interval < shortestBeat || interval > longestBeat:
		return "interval is " + Duration(interval).String() + "; give 10s to 366d"
	case grace < 0 || grace > longestBeat:
		return "grace is " + Duration(grace).String() + "; give 0s to 366d"
	}
	return ""
}

// checkIntake checks integrations and heartbeats.
func (l *loader) checkIntake() {
	for _, name := range sorted(l.cat.Integrations) {
		if i := l.cat.Integrations[name]; len(i.Over) > 0 && i.Status == "" {
			l.at("Integration", name, "$.spec.over", "over needs status: the path whose value is one of these")
		}
	}
	for _, name := range sorted(l.cat.Heartbeats) {
		h := l.cat.Heartbeats[name]
		if why := CheckBeat(h.Interval.D(), h.Grace.D()); why != "" {
			l.at("Heartbeat", name, "$.spec", "%s", why)
		}
		l.ref("Heartbeat", name, "$.spec.service", "Service", h.Service)
		if h.Severity != "" {
			l.oneOf("Heartbeat", name, "$.spec.severity", "severity", h.Severity, "SEV1", "SEV2", "SEV3", "SEV4")
		}
	}
}
