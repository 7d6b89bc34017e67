package catalog

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"
)

// AlertRule says what becomes of the alerts from outside that its matchers select: which service they belong to, how bad
// they are, which of them are one incident, and who is paged. Of the rules that select an alert, the one with the lowest
// order stands.
type AlertRule struct {
	Meta             `yaml:"-"`
	Order            int               `yaml:"order"`
	Match            []string          `yaml:"match"`            // matchers in Alertmanager's syntax; all must hold
	Service          string            `yaml:"service"`          // fixed, or
	ServiceLabel     string            `yaml:"serviceLabel"`     // the label that names it
	Severity         string            `yaml:"severity"`         // fixed, or
	SeverityLabel    string            `yaml:"severityLabel"`    // the label whose value Severities maps
	Severities       map[string]string `yaml:"severities"`       // value of the label -> SEV1 to SEV4
	GroupBy          []string          `yaml:"groupBy"`          // labels that alerts of one incident share
	EscalationPolicy string            `yaml:"escalationPolicy"` // overrides the service's

	Matchers labels.Matchers `yaml:"-"`
}

// Inhibition mutes the alerts that Target selects while an alert fires that Source selects and that has the same values
// of the labels in Equal.
type Inhibition struct {
	Meta   `yaml:"-"`
	Source []string `yaml:"source"`
	Target []string `yaml:"target"`
	Equal  []string `yaml:"equal"`

	SourceMatchers labels.Matchers `yaml:"-"`
	TargetMatchers labels.Matchers `yaml:"-"`
}

// ParseMatchers reads matchers in Alertmanager's syntax: each string is one matcher, or several in braces.
func ParseMatchers(texts []string) (labels.Matchers, error) {
	var out labels.Matchers
	for _, t := range texts {
		ms, err := parse.Matchers(t)
		if err != nil {
			return nil, fmt.Errorf("%q is not a matcher: %w; write label=\"value\", !=, =~ or !~", t, err)
		}
		out = append(out, ms...)
	}
	return out, nil
}

// Rules returns the alert rules in the order in which they are tried.
func (c *Catalog) Rules() []*AlertRule {
	out := make([]*AlertRule, 0, len(c.AlertRules))
	for _, r := range c.AlertRules {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *AlertRule) int { return cmp.Or(cmp.Compare(a.Order, b.Order), compare(a.Name, b.Name)) })
	return out
}

func (l *loader) alertRule(file string, m Meta, n ast.Node) {
	r := &AlertRule{Meta: m}
	if !l.decode(file, n, r) {
		return
	}
	l.cat.AlertRules[m.Name] = r
	r.Matchers = l.matchers("AlertRule", m.Name, "match", r.Match)
	if r.Service != "" && r.ServiceLabel != "" {
		l.at("AlertRule", m.Name, "$.spec.serviceLabel", "give service or serviceLabel, not both")
	}
	if r.Severity != "" && (r.SeverityLabel != "" || len(r.Severities) > 0) {
		l.at("AlertRule", m.Name, "$.spec.severity", "give severity, or severityLabel with severities, not both")
	}
	severities := []string{"SEV1", "SEV2", "SEV3", "SEV4"}
	if r.Severity != "" {
		l.oneOf("AlertRule", m.Name, "$.spec.severity", "severity", r.Severity, severities...)
	}
	for _, value := range sorted(r.Severities) {
		l.oneOf("AlertRule", m.Name, "$.spec.severities", "the severity of "+value, r.Severities[value], severities...)
	}
}

func (l *loader) inhibition(file string, m Meta, n ast.Node) {
	i := &Inhibition{Meta: m}
	if !l.decode(file, n, i) {
		return
	}
	l.cat.Inhibitions[m.Name] = i
	i.SourceMatchers = l.matchers("Inhibition", m.Name, "source", i.Source)
	i.TargetMatchers = l.matchers("Inhibition", m.Name, "target", i.Target)
}

func (l *loader) matchers(kind, name, field string, texts []string) labels.Matchers {
	if len(texts) == 0 {
		l.at(kind, name, "$.spec", "%s is missing: name matchers such as 'severity=\"critical\"'", field)
		return nil
	}
	ms, err := ParseMatchers(texts)
	if err != nil {
		l.at(kind, name, "$.spec."+field, "%s", err)
	}
	return ms
}

// checkAlerting checks the names that rules for alerts use.
func (l *loader) checkAlerting() {
	for _, name := range sorted(l.cat.AlertRules) {
		r := l.cat.AlertRules[name]
		l.ref("AlertRule", name, "$.spec.service", "Service", r.Service)
		l.ref("AlertRule", name, "$.spec.escalationPolicy", "EscalationPolicy", r.EscalationPolicy)
	}
}
