package catalog

import (
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
)

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
	URL         string            `yaml:"url"`      // where the system shows it
	Status      string            `yaml:"status"`   // says whether it is over
	Over        []string          `yaml:"over"`     // values of status that say so
	Labels      map[string]string `yaml:"labels"`   // label -> path
	Unsigned    bool              `yaml:"unsigned"` // messages of SNS are taken without its signature, from what speaks its format
}

// Check says what is wrong with an Integration, or returns "".
func (i *Integration) Check() string {
	if len(i.Over) > 0 && i.Status == "" {
		return "over needs status: the path whose value is one of these"
	}
	return ""
}

// IsName reports whether a document of the catalog may have a name.
func IsName(name string) bool { return validName.MatchString(name) }

// Document writes the Integration as the catalog has it, without what is not given.
func (i *Integration) Document() (string, error) {
	var spec yaml.MapSlice
	add := func(name string, v any, given bool) {
		if given {
			spec = append(spec, yaml.MapItem{Key: name, Value: v})
		}
	}
	for _, f := range []struct{ name, path string }{
		{"alerts", i.Alerts}, {"key", i.Key}, {"title", i.Title}, {"description", i.Description}, {"severity", i.Severity}, {"service", i.Service}, {"url", i.URL}, {"status", i.Status},
	} {
		add(f.name, f.path, f.path != "")
	}
	add("over", i.Over, len(i.Over) > 0)
	add("labels", i.Labels, len(i.Labels) > 0)
	add("unsigned", true, i.Unsigned)
	if spec == nil {
		spec = yaml.MapSlice{}
	}
	b, err := yaml.MarshalWithOptions(yaml.MapSlice{
		{Key: "apiVersion", Value: "nightkeeper/v1"}, {Key: "kind", Value: "Integration"},
		{Key: "metadata", Value: yaml.MapSlice{{Key: "name", Value: i.Name}}}, {Key: "spec", Value: spec},
	}, yaml.IndentSequence(true))
	if err != nil {
		return "", fmt.Errorf("write Integration %s: %w", i.Name, err)
	}
	return string(b), nil
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
		if why := l.cat.Integrations[name].Check(); why != "" {
			l.at("Integration", name, "$.spec.over", "%s", why)
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
