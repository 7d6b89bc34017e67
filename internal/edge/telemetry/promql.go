package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

// maxPoints is how many points a series of an answer may have, as in Prometheus' own API.
const maxPoints = 11_000

// Metrics evaluates a PromQL expression over [from, to] at the given step; from equal to to is one instant. Native
// histograms in the answer have no value of their own and are left out: ask for a quantile, a sum or a count.
func (e *Engine) Metrics(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]observe.Series, error) {
	step, err := checkRange(from, to, step)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	m := e.metrics
	select {
	case m.queries <- struct{}{}:
		defer func() { <-m.queries }()
	case <-ctx.Done():
		return nil, queryEnded(ctx)
	}
	q, err := m.engine.NewRangeQuery(ctx, m.db, nil, query, from, to, step)
	if err != nil {
		return nil, promqlError(ctx, err)
	}
	defer q.Close() // recycles the points of the result
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, promqlError(ctx, res.Err)
	}
	matrix, err := res.Matrix()
	if err != nil {
		return nil, errs.New(errs.Invalid, "the expression gives a %s, not series", res.Value.Type())
	}
	return seriesOf(matrix), nil
}

// checkRange returns the step to use.
func checkRange(from, to time.Time, step time.Duration) (time.Duration, error) {
	switch {
	case to.Before(from):
		return 0, errs.New(errs.Invalid, "the end of the range is before its start")
	case from.Equal(to) && step <= 0:
		return time.Second, nil
	case step <= 0:
		return 0, errs.New(errs.Invalid, "the step must be greater than zero")
	case step < time.Millisecond:
		return 0, errs.New(errs.Invalid, "the step must be at least 1ms")
	}
	if points := int64(to.Sub(from)/step) + 1; points > maxPoints {
		return 0, errs.New(errs.Invalid, "the range has %d points at this step and at most %d are allowed; use a longer step", points, maxPoints)
	}
	return step, nil
}

func promqlError(ctx context.Context, err error) error {
	var (
		timeout  promql.ErrQueryTimeout
		canceled promql.ErrQueryCanceled
		tooMany  promql.ErrTooManySamples
		disk     promql.ErrStorage
		parse    parser.ParseErrors
	)
	switch {
	case errors.As(err, &parse):
		return errs.Wrap(err, errs.Invalid, "PromQL %s", parse.Error())
	case errors.As(err, &tooMany):
		return errs.Wrap(err, errs.Invalid, "the query would load more than %d samples; ask for a shorter time, fewer series or a longer step", maxSamples)
	case errors.As(err, &timeout), errors.As(err, &canceled):
		return errs.Wrap(err, errs.Unavailable, "telemetry query was stopped before it had an answer; ask for a shorter time")
	case ctx.Err() != nil:
		return queryEnded(ctx)
	case errors.As(err, &disk):
		return errs.Wrap(err, errs.Unavailable, "telemetry could not read its metrics")
	}
	return errs.Wrap(err, errs.Invalid, "PromQL %s", err.Error())
}

func seriesOf(m promql.Matrix) []observe.Series {
	out := make([]observe.Series, 0, len(m))
	for _, s := range m {
		if len(s.Floats) == 0 {
			continue
		}
		set := make(map[string]string, s.Metric.Len())
		s.Metric.Range(func(l labels.Label) { set[l.Name] = l.Value })
		points := make([]observe.Point, len(s.Floats))
		for i, p := range s.Floats {
			points[i] = observe.Point{At: time.UnixMilli(p.T).UTC(), Value: p.F}
		}
		out = append(out, observe.Series{Labels: set, Points: points})
	}
	return out
}
