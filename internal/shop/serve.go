package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// noticeable is the shortest wait that gets a span of its own.
const noticeable = time.Millisecond

// infoShare is the share of requests that leave an ordinary log line.
const infoShare = 0.01

// failure is why a request or a call did not succeed.
type failure struct {
	status  int    // what the service answers because of it
	kind    string // error.type
	message string
}

// Error returns the sentence that people find in the logs.
func (f *failure) Error() string { return f.message }

// serve handles one request from the first byte to the span's end.
func (s *service) serve(life context.Context, w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		s.serveHealth(life, w, r)
		return
	}
	rt := s.routes[r.URL.Path]
	if rt == nil || rt.Method != r.Method {
		http.Error(w, "no such route", http.StatusNotFound)
		return
	}
	start := time.Now()
	caller, _, _ := strings.Cut(r.UserAgent(), "/")
	// The work does not end when the caller leaves: like most programs, these
	// services do not pass their caller's deadline on. Only a crash cuts it.
	ctx := propagation.TraceContext{}.Extract(life, propagation.HeaderCarrier(r.Header))
	ctx, span := s.identity.Load().tracer.Start(ctx, rt.Method+" "+rt.Path, trace.WithSpanKind(trace.SpanKindServer), rt.span,
		trace.WithAttributes(attribute.String("server.address", s.spec.Name), attribute.String("user_agent.original", r.UserAgent())))

	defaults, err := s.handle(ctx, r.Context(), rt, caller)
	if life.Err() != nil {
		panic(http.ErrAbortHandler) // the process is dead: it neither answers nor reports
	}
	defer span.End()
	status := http.StatusOK
	body := map[string]any{"service": s.spec.Name}
	if len(defaults) > 0 {
		span.SetAttributes(attribute.StringSlice("shop.defaults_used", defaults))
		w.Header().Set("X-Defaults-Used", strings.Join(defaults, ","))
	}
	if err != nil {
		status = http.StatusInternalServerError
		kind := "internal"
		if f, ok := errors.AsType[*failure](err); ok {
			status, kind = f.status, f.kind
		}
		body["error"] = err.Error()
		if status >= 500 {
			span.SetStatus(codes.Error, err.Error())
			span.SetAttributes(attribute.String("error.type", kind))
		}
	} else if rand.Float64() < infoShare {
		s.log(ctx, log.SeverityInfo, "info", "handled "+rt.Method+" "+rt.Path)
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	s.traffic.add(time.Now(), status < 500, time.Since(start))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the caller has left
}

// serveHealth answers probes, unless the service hangs.
func (s *service) serveHealth(life context.Context, w http.ResponseWriter, r *http.Request) {
	if hang := s.effects.Load().hang; hang != nil {
		waitFor(life, r.Context(), hang)
	}
	_, _ = w.Write([]byte("ok\n"))
}

// handle does everything for a request: wait for a worker, open a transaction
// when the route has one, work, call others. It returns the dependencies for
// which defaults were used.
func (s *service) handle(ctx, caller context.Context, rt *route, from string) ([]string, error) {
	if refused(caller) {
		return nil, s.fail(ctx, &failure{http.StatusServiceUnavailable, "too_many_connections",
			fmt.Sprintf("too many connections: %d of %d in use", s.conns.open.Load(), s.conns.limit.Load())})
	}
	if err := s.takeWorker(ctx, caller); err != nil {
		return nil, err
	}
	defer s.workers.leave()

	steps := rt.steps
	if len(steps) == 0 || !steps[0][0].tx {
		return s.work(ctx, caller, rt, steps, from)
	}
	// The transaction is opened before the work and stays open during all of it.
	tx, err := s.client(databaseName).begin(ctx)
	if err != nil {
		return nil, err
	}
	defaults, err := s.work(ctx, caller, rt, steps[1:], from)
	if endErr := tx.end(ctx, err == nil); err == nil {
		err = endErr
	}
	return defaults, err
}

// work is what a request needs besides a worker and a transaction: the service's
// own time, and calls.
func (s *service) work(ctx, caller context.Context, rt *route, steps [][]call, from string) ([]string, error) {
	e := s.effects.Load()
	pause(ctx, e.latency(s.spec.Latency, from))
	if e.hang != nil {
		waitFor(ctx, caller, e.hang)
		return nil, &failure{http.StatusGatewayTimeout, "timeout", "request was not answered in time"}
	}
	if ctx.Err() != nil {
		return nil, &failure{http.StatusServiceUnavailable, "shutdown", "process is ending"}
	}
	if err := e.failure(s, rt, from); err != nil {
		return nil, s.fail(ctx, err)
	}
	return s.run(ctx, steps)
}

// fail logs a failure of the service itself.
func (s *service) fail(ctx context.Context, f *failure) error {
	s.log(ctx, log.SeverityError, f.kind, f.message, attribute.String("error.type", f.kind))
	return f
}

// takeWorker waits for a worker slot; the wait shows as a span.
func (s *service) takeWorker(ctx, caller context.Context) error {
	waited, err := s.workers.enter(caller, s.spec.QueueTimeout)
	if waited > noticeable {
		_, span := s.identity.Load().tracer.Start(ctx, "queue wait", trace.WithTimestamp(time.Now().Add(-waited)))
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
	if err == nil {
		return nil
	}
	state := s.workers.state()
	f := &failure{status: http.StatusServiceUnavailable}
	switch {
	case errors.Is(err, errQueueFull):
		f.kind, f.message = "queue_full", fmt.Sprintf("queue full: %d requests wait for %d workers", state.waiting, state.limit)
	case errors.Is(err, errWaitTooLong):
		f.kind, f.message = "queue_timeout", fmt.Sprintf("queue timeout: no worker free after %s, %d of %d workers busy", short(waited), state.busy, state.limit)
	default:
		f.kind, f.message = "client_gone", fmt.Sprintf("caller gave up after %s in the queue, %d of %d workers busy", short(waited), state.busy, state.limit)
	}
	return s.fail(ctx, f)
}

// run makes the calls of a route, step by step.
func (s *service) run(ctx context.Context, steps [][]call) (defaults []string, err error) {
	for _, step := range steps {
		for i, problem := range s.runStep(ctx, step) {
			c := s.client(step[i].dep)
			switch {
			case problem == nil:
			case c.spec.Fallback:
				defaults = append(defaults, c.spec.Name)
				s.log(ctx, log.SeverityWarn, "defaults "+c.spec.Name, "defaults used for "+c.spec.Name+": "+problem.Error())
			case err == nil:
				err = problem
			}
		}
		if err != nil {
			return defaults, err
		}
	}
	return defaults, nil
}

// runStep makes the calls of one step at the same time and waits for all.
func (s *service) runStep(ctx context.Context, step []call) []error {
	problems := make([]error, len(step))
	var wg sync.WaitGroup
	for i, c := range step[1:] {
		wg.Go(func() { problems[i+1] = s.runCall(ctx, c) })
	}
	problems[0] = s.runCall(ctx, step[0])
	wg.Wait()
	return problems
}

func (s *service) runCall(ctx context.Context, c call) error {
	client := s.client(c.dep)
	if c.dep == databaseName {
		return client.query(ctx)
	}
	return client.call(ctx, c.path)
}

// pause is the service's own work. It waits instead of computing, so that 47
// services fit on a small machine.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// waitFor returns when the process ends, the caller leaves or the channel closes.
func waitFor(life, caller context.Context, lifted <-chan struct{}) {
	select {
	case <-life.Done():
	case <-caller.Done():
	case <-lifted:
	}
}

// short prints a duration the way people write it.
func short(d time.Duration) string {
	if d >= time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}
