package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// mostWaiting is how many calls may wait for a connection of one pool.
const mostWaiting = 1000

// client is how one service calls one other: a pool of connections, a timeout,
// retries within a budget, and a circuit breaker.
type client struct {
	owner     *service
	spec      DepSpec
	pool      *gate
	transport atomic.Pointer[http.Transport]
	db        dbConns // used instead of transport towards the database
	breaker   *breaker
	budget    *budget
	retries   atomic.Int64
	waits     atomic.Int64 // microseconds spent waiting for a connection

	mu       sync.Mutex
	size     int
	override *sizing // set by a remedy
	squeeze  *sizing // set by a fault
}

// sizing is a pool size and when it was set.
type sizing struct {
	size int
	at   time.Time
}

func newClient(owner *service, spec DepSpec) *client {
	c := &client{owner: owner, spec: spec, pool: newGate(spec.Pool, mostWaiting), size: spec.Pool,
		breaker: newBreaker(spec.Breaker), budget: newBudget(budgetLimits{spec.Retries, spec.RetryPercent})}
	c.transport.Store(c.newTransport(spec.Pool))
	return c
}

func (c *client) newTransport(size int) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", *c.target().address.Load())
		},
		MaxConnsPerHost: size, MaxIdleConnsPerHost: size, IdleConnTimeout: 20 * time.Second, DisableCompression: true,
	}
}

// target is the service that is called.
func (c *client) target() *service { return c.owner.directory[c.spec.Name] }

// agent is how a service introduces itself to others.
func (s *service) agent() string { return s.spec.Name + "/" + s.identity.Load().version }

// disconnect closes the connections that are not in use.
func (c *client) disconnect() {
	c.transport.Load().CloseIdleConnections()
	c.db.closeBefore(time.Now().Add(time.Hour))
}

// chooseSize says which pool size holds: what was set last by a remedy or a
// fault, or what is configured.
func chooseSize(configured int, override, squeeze *sizing) int {
	switch {
	case override != nil && (squeeze == nil || override.at.After(squeeze.at)):
		return override.size
	case squeeze != nil:
		return squeeze.size
	}
	return configured
}

// setOverride sets or, with nil, forgets the pool size a remedy asked for.
func (c *client) setOverride(to *sizing) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.override = to
	return c.resize()
}

// setSqueeze sets or, with nil, forgets the pool size a fault asked for.
func (c *client) setSqueeze(to *sizing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.squeeze = to
	c.resize()
}

// resize puts the chosen size into force. The lock is held.
func (c *client) resize() bool {
	size := chooseSize(c.spec.Pool, c.override, c.squeeze)
	if size == c.size {
		return false
	}
	c.size = size
	c.pool.resize(size)
	old := c.transport.Swap(c.newTransport(size))
	old.CloseIdleConnections()
	return true
}

// call asks the dependency, with everything that belongs to it.
func (c *client) call(ctx context.Context, path string) error {
	target := c.target().spec.Routes[0]
	for _, r := range c.target().spec.Routes {
		if r.Path == path {
			target = r
		}
	}
	return c.policy(ctx, target.Method+" "+target.Path, func(ctx context.Context) error {
		if err := c.enterPool(ctx); err != nil {
			return err
		}
		defer c.pool.leave()
		return c.request(ctx, target)
	})
}

// policy makes attempts until one succeeds, the breaker or the budget says no,
// or there were enough.
func (c *client) policy(ctx context.Context, name string, try func(context.Context) error) error {
	c.budget.called(time.Now())
	for number := 0; ; number++ {
		if !c.breaker.allow(time.Now()) {
			f := &failure{http.StatusServiceUnavailable, "breaker_open", "circuit breaker open for " + c.spec.Name}
			c.owner.log(ctx, log.SeverityWarn, "breaker "+c.spec.Name, f.message, c.attributes()...)
			return f
		}
		err := c.attempt(ctx, name, number, try)
		if ctx.Err() == nil {
			c.breaker.record(time.Now(), err == nil)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		most := c.budget.current().MaxRetries
		c.owner.log(ctx, log.SeverityError, "call "+c.spec.Name,
			fmt.Sprintf("%s (attempt %d of %d)", err, number+1, max(number, most)+1), c.attributes()...)
		if !c.budget.take(time.Now(), number+1) {
			return err
		}
		c.retries.Add(1)
		pause(ctx, retryPause(c.spec.Backoff, number))
	}
}

// retryPause doubles with each retry and is spread by half, so that callers do
// not come back all at once.
func retryPause(first time.Duration, number int) time.Duration {
	d := first << min(number, 6)
	return d/2 + rand.N(d)
}

func (c *client) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("server.address", c.spec.Name), attribute.String("service.peer.name", c.spec.Name)}
}

// attempt is one try within a CLIENT span. Without a name it is a query.
func (c *client) attempt(ctx context.Context, name string, number int, try func(context.Context) error) error {
	attrs := c.attributes()
	if c.spec.Name == databaseName {
		if name == "" {
			name = "SELECT"
		}
		attrs = append(attrs, attribute.String("db.system.name", "postgresql"), attribute.String("db.namespace", "shop"), attribute.String("db.operation.name", name))
		name += " shop"
	} else {
		method, path, _ := strings.Cut(name, " ")
		attrs = append(attrs, attribute.String("http.request.method", method), attribute.String("url.template", path))
	}
	if number > 0 {
		attrs = append(attrs, attribute.Int("http.request.resend_count", number))
	}
	ctx, span := c.owner.identity.Load().tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	defer span.End()
	err := try(ctx)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		if f, ok := errors.AsType[*failure](err); ok {
			span.SetAttributes(attribute.String("error.type", f.kind))
			if code, convErr := strconv.Atoi(f.kind); convErr == nil {
				span.SetAttributes(attribute.Int("http.response.status_code", code))
			}
		}
	} else if c.spec.Name != databaseName {
		span.SetAttributes(attribute.Int("http.response.status_code", http.StatusOK))
	}
	return err
}

// enterPool waits for a free connection; the wait shows as a span.
func (c *client) enterPool(ctx context.Context) error {
	waited, err := c.pool.enter(ctx, c.spec.PoolWait)
	c.waits.Add(waited.Microseconds())
	if waited > noticeable || err != nil {
		_, span := c.owner.identity.Load().tracer.Start(ctx, "pool wait "+c.spec.Name,
			trace.WithTimestamp(time.Now().Add(-waited)), trace.WithAttributes(c.attributes()...))
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
			span.SetAttributes(attribute.String("error.type", "pool_exhausted"))
		}
		span.End()
	}
	if err == nil {
		return nil
	}
	return &failure{http.StatusServiceUnavailable, "pool_exhausted",
		fmt.Sprintf("connection pool exhausted waiting for %s: all %d connections in use for %s", c.spec.Name, c.pool.state().limit, short(waited))}
}

// request sends one HTTP request over a connection of the pool.
func (c *client) request(ctx context.Context, target RouteSpec) error {
	ctx, cancel := context.WithTimeout(ctx, c.spec.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, target.Method, "http://"+c.spec.Name+target.Path, http.NoBody)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("User-Agent", c.owner.agent())
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	response, err := c.transport.Load().RoundTrip(request)
	if err != nil {
		return c.explain(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return c.explain(err)
	}
	if response.StatusCode >= 300 {
		return c.refusal(response.StatusCode, body)
	}
	return nil
}

// refusal is the failure behind an answer that is not a success.
func (c *client) refusal(status int, body []byte) *failure {
	var answer struct{ Error string }
	_ = json.Unmarshal(body, &answer) // without a reason the status has to do
	message := fmt.Sprintf("%s answered %d", c.spec.Name, status)
	if answer.Error != "" {
		const enough = 160
		message += ": " + answer.Error[:min(len(answer.Error), enough)]
	}
	return &failure{http.StatusBadGateway, strconv.Itoa(status), message}
}

// explain turns an error of the network into words.
func (c *client) explain(err error) *failure {
	switch {
	case isTimeout(err):
		return &failure{http.StatusGatewayTimeout, "timeout", fmt.Sprintf("connection timeout calling %s after %s", c.spec.Name, short(c.spec.Timeout))}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &failure{http.StatusServiceUnavailable, "connection_refused", "connection refused by " + c.spec.Name}
	}
	return &failure{http.StatusBadGateway, "connection_reset", "connection to " + c.spec.Name + " lost"}
}
