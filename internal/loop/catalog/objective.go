package catalog

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// slo reads an OpenSLO document into an SLO and refuses what is not understood, naming what would be.
func (l *loader) slo(file string, m Meta, n ast.Node) {
	var o openSLO
	if !l.decode(file, n, &o) {
		return
	}
	s := &SLO{Meta: m, Service: o.Service, Description: o.Description, Window: 30 * 24 * time.Hour, Line: n.GetToken().Position.Line}
	bad := func(where, format string, args ...any) { l.at("SLO", m.Name, where, format, args...) }
	if len(o.TimeWindow) > 1 {
		bad("$.spec.timeWindow", "an SLO has one timeWindow, this has %d", len(o.TimeWindow))
	}
	if len(o.TimeWindow) == 1 {
		if where, err := s.period(o.TimeWindow[0]); err != nil {
			bad("$.spec.timeWindow[0]"+where, "%s", err)
		}
	}
	if s.Window < 24*time.Hour || s.Window > longestWindow {
		bad("$.spec.timeWindow[0].duration", "the window is %s; it must be between 1d and 93d, or at most a quarter of the calendar", Duration(s.Window))
	}
	l.sloTarget(s, o)
	l.sloSlices(s, o)
	l.sloIndicator(s, o)
	l.cat.SLOs[m.Name] = s
}

// longestWindow is what ledgers keep: a quarter of the calendar has at most 92 days.
const longestWindow = 93 * 24 * time.Hour

// period reads a window of OpenSLO and returns where in it a mistake is.
func (s *SLO) period(w openWindow) (where string, err error) {
	d, err := ParseDuration(w.Duration)
	if err == nil {
		s.Window = d
	}
	switch {
	case w.IsRolling && w.Calendar != nil:
		return ".calendar", errors.New("a rolling window has no calendar; write isRolling: false, or leave the calendar out")
	case w.IsRolling:
		return ".duration", err
	case w.Calendar == nil:
		return "", errors.New("a window that does not roll needs a calendar with startTime and timeZone; for a rolling one write isRolling: true")
	}
	if s.Calendar, err = ParseCalendar(w.Duration, w.Calendar.StartTime, w.Calendar.TimeZone); err == nil {
		s.Window = s.Calendar.About()
	}
	return "", err
}

func (l *loader) sloTarget(s *SLO, o openSLO) {
	if len(o.Objectives) != 1 {
		l.at("SLO", s.Name, "$.spec.objectives", "an SLO has exactly one objective, this has %d", len(o.Objectives))
		return
	}
	switch ob := o.Objectives[0]; {
	case ob.Target != nil && ob.TargetPercent != nil:
		l.at("SLO", s.Name, "$.spec.objectives[0]", "give target or targetPercent, not both")
	case ob.Target != nil:
		s.Target = *ob.Target
	case ob.TargetPercent != nil:
		s.Target = *ob.TargetPercent / 100
	}
	if !(s.Target > 0 && s.Target < 1) { // written so that what is not a number is refused too
		l.at("SLO", s.Name, "$.spec.objectives[0]", "the target is %v; it must be above 0 and below 1 (0.999), or a targetPercent below 100 (99.9)", s.Target)
	}
}

// sloSlices reads the budgeting method. The hour is a whole number of slices, so that the buckets of ledgers are too.
func (l *loader) sloSlices(s *SLO, o openSLO) {
	const at = "$.spec.objectives[0]"
	var ob openSLOObjective
	if len(o.Objectives) > 0 {
		ob = o.Objectives[0]
	}
	given := ob.TimeSliceTarget != nil || ob.TimeSliceWindow != nil
	switch {
	case o.BudgetingMethod != "" && o.BudgetingMethod != "Occurrences" && o.BudgetingMethod != "Timeslices":
		l.at("SLO", s.Name, "$.spec.budgetingMethod", "budgetingMethod is %q; it is Occurrences or Timeslices", o.BudgetingMethod)
		return
	case o.BudgetingMethod != "Timeslices" && given:
		l.at("SLO", s.Name, at, "timeSliceTarget and timeSliceWindow belong to budgetingMethod: Timeslices")
		return
	case o.BudgetingMethod != "Timeslices":
		return
	case ob.TimeSliceTarget == nil || ob.TimeSliceWindow == nil:
		l.at("SLO", s.Name, at, "Timeslices need timeSliceTarget, the share of a slice's events that must be good, and timeSliceWindow, such as 1m")
		return
	}
	s.Slices = &Slices{Window: ob.TimeSliceWindow.D(), Target: *ob.TimeSliceTarget}
	if t := s.Slices.Target; !(t > 0 && t <= 1) {
		l.at("SLO", s.Name, at+".timeSliceTarget", "timeSliceTarget is %v; it is above 0 and at most 1", t)
	}
	if w := s.Slices.Window; w < time.Minute || w%time.Minute != 0 || time.Hour%w != 0 {
		l.at("SLO", s.Name, at+".timeSliceWindow", "timeSliceWindow is %s; an hour is a whole number of slices of whole minutes, such as 1m, 5m or 1h", Duration(w))
	}
}

const ratioAt = "$.spec.indicator.spec.ratioMetric"

func (l *loader) sloIndicator(s *SLO, o openSLO) {
	if o.Indicator == nil || o.Indicator.Spec.RatioMetric == nil {
		l.at("SLO", s.Name, "$.spec", "indicator.spec.ratioMetric with good and total is missing")
		return
	}
	r := o.Indicator.Spec.RatioMetric
	switch {
	case r.Total == nil || (r.Good == nil && r.Bad == nil):
		l.at("SLO", s.Name, "$.spec", "indicator.spec.ratioMetric with good and total is missing")
		return
	case r.Good != nil && r.Bad != nil:
		l.at("SLO", s.Name, ratioAt+".bad", "give good or bad, not both: the other is what is left of total")
		return
	}
	parts := map[string]*openMetric{"good": r.Good, "bad": r.Bad, "total": r.Total}
	for _, which := range sorted(parts) {
		if m := parts[which]; m != nil && m.MetricSource.Type != sourceSpans && m.MetricSource.Type != sourceMetrics {
			l.at("SLO", s.Name, ratioAt+"."+which+".metricSource", "metricSource.type is %q; it is spans or metrics", m.MetricSource.Type)
		} else if m != nil && m.MetricSource.Type != r.Total.MetricSource.Type {
			l.at("SLO", s.Name, ratioAt+"."+which+".metricSource", "%s counts %s and total counts %s; both count the same", which, m.MetricSource.Type, r.Total.MetricSource.Type)
		}
	}
	if r.Total.MetricSource.Type == sourceMetrics {
		l.metricRatio(s, r)
		return
	}
	l.spanRatio(s, r)
}

func (l *loader) spanRatio(s *SLO, r *openRatio) {
	if r.Bad != nil {
		l.at("SLO", s.Name, ratioAt+".bad", "of spans, give good with errors: false; bad is what is left of total")
		return
	}
	for _, which := range []string{"good", "total"} {
		src, at := map[string]*openMetric{"good": r.Good, "total": r.Total}[which].MetricSource, ratioAt+"."+which+".metricSource.spec"
		if src.Spec.Service != "" && src.Spec.Service != s.Service {
			l.at("SLO", s.Name, at+".service", "the indicator counts spans of %q but the SLO is for %q", src.Spec.Service, s.Service)
		}
		if src.Spec.Metric != "" || src.Spec.Match != nil || src.Spec.Threshold != nil {
			l.at("SLO", s.Name, at, "metric, match and threshold belong to type metrics; spans have service, operation, errors and maxDuration")
		}
	}
	good, total := r.Good.MetricSource.Spec, r.Total.MetricSource.Spec
	if good.Operation != total.Operation {
		l.at("SLO", s.Name, ratioAt+".good", "good and total must select the same operation")
	}
	if good.Errors == nil || *good.Errors {
		l.at("SLO", s.Name, ratioAt+".good", "good must exclude failures; write errors: false")
	}
	s.Operation, s.MaxDuration = total.Operation, good.MaxDuration.D()
}

func (l *loader) metricRatio(s *SLO, r *openRatio) {
	s.Metrics = &Ratio{Total: l.selector(s, "total", r.Total)}
	which, part := "good", &s.Metrics.Good
	from := r.Good
	if r.Bad != nil {
		which, part, from = "bad", &s.Metrics.Bad, r.Bad
	}
	*part = l.selector(s, which, from)
	if s.Metrics.Total.Threshold != 0 {
		l.at("SLO", s.Name, ratioAt+".total.metricSource.spec.threshold", "total counts every observation; the threshold belongs to %s", which)
	}
	x, y := *part, s.Metrics.Total
	if x.Metric == y.Metric && x.Service == y.Service && x.Threshold == 0 && slices.Equal(x.Match, y.Match) {
		l.at("SLO", s.Name, ratioAt+"."+which, "%s and total select the same; give %s a match or a threshold", which, which)
	}
}

func (l *loader) selector(s *SLO, which string, m *openMetric) *Selector {
	spec, at := m.MetricSource.Spec, ratioAt+"."+which+".metricSource.spec"
	out := &Selector{Metric: spec.Metric, Service: cmp.Or(spec.Service, s.Service), Match: spec.Match}
	if spec.Metric == "" {
		l.at("SLO", s.Name, ratioAt+"."+which, "metric is missing: name it as it is sent by OTLP, such as http.server.request.duration")
	}
	if spec.Operation != "" || spec.Errors != nil || spec.MaxDuration != 0 {
		l.at("SLO", s.Name, at, "operation, errors and maxDuration belong to type spans; metrics have metric, service, match and threshold")
	}
	if t := spec.Threshold; t != nil {
		if out.Threshold = *t; !(*t > 0 && *t < math.MaxFloat64) {
			l.at("SLO", s.Name, at+".threshold", "threshold is %v; it is a number above 0, in the unit of the metric", *t)
			out.Threshold = 0
		}
	}
	var err error
	if out.Matchers, err = ParseMatchers(spec.Match); err != nil {
		l.at("SLO", s.Name, at+".match", "%s", err)
	}
	return out
}

func (l *loader) checkSLO(s *SLO) {
	l.ref("SLO", s.Name, "$.spec.service", "Service", s.Service)
	if s.Service == "" {
		l.at("SLO", s.Name, "$.spec", "service is missing")
	}
	if s.Metrics == nil {
		return
	}
	parts := s.Metrics.Parts()
	for _, which := range sorted(parts) {
		if parts[which].Service != s.Service {
			l.ref("SLO", s.Name, ratioAt+"."+which+".metricSource.spec.service", "Service", parts[which].Service)
		}
	}
}
