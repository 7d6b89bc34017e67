package shop

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// service is one of the 47: a listener, worker slots and clients for what it
// calls. It outlives its process, which can crash and be started again.
type service struct {
	spec      ServiceSpec
	routes    map[string]*route
	directory map[string]*service
	telemetry *telemetry
	workers   *gate
	clients   []*client // in the order of spec.Deps
	conns     *connCounter
	logs      logLimiter
	traffic   traffic

	identity atomic.Pointer[identity]
	effects  atomic.Pointer[effects]
	address  atomic.Pointer[string]

	mu        sync.Mutex
	process   *process // nil while the service is down
	instances int
	versions  []string // what was deployed, oldest first; the last one runs
}

// route is a RouteSpec made ready for use.
type route struct {
	RouteSpec
	steps [][]call
	span  trace.SpanStartEventOption
}

// process is one life of a service.
type process struct {
	life   context.Context //nolint:containedctx // the life of the process itself
	end    context.CancelFunc
	server *http.Server
	done   chan struct{}
}

// newService makes a service ready to start. The directory may still be filled.
func newService(spec ServiceSpec, directory map[string]*service, t *telemetry, now time.Time) (*service, error) {
	s := &service{
		spec: spec, directory: directory, telemetry: t, routes: map[string]*route{},
		workers:   newGate(spec.Workers*spec.Instances, spec.QueueLimit),
		instances: spec.Instances, versions: []string{spec.Version},
	}
	if spec.ConnLimit > 0 {
		s.conns = &connCounter{}
		s.conns.limit.Store(int64(spec.ConnLimit * spec.Instances))
	}
	for _, r := range spec.Routes {
		steps, err := parsePlan(r.Plan)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", spec.Name, err)
		}
		s.routes[r.Path] = &route{RouteSpec: r, steps: steps, span: trace.WithAttributes(
			attribute.String("http.request.method", r.Method), attribute.String("http.route", r.Path),
			attribute.String("url.path", r.Path), attribute.String("url.scheme", "http"))}
	}
	for _, d := range spec.Deps {
		s.clients = append(s.clients, newClient(s, d))
	}
	s.effects.Store(&effects{})
	s.traffic.reset()
	s.become(spec.Version, now)
	return s, nil
}

// client returns the client for a dependency, or nil.
func (s *service) client(dependency string) *client {
	for _, c := range s.clients {
		if c.spec.Name == dependency {
			return c
		}
	}
	return nil
}

// become gives the service a new identity, whose counters start at zero: what a
// deploy or restart does.
func (s *service) become(version string, now time.Time) {
	instance := fmt.Sprintf("%s-%05x", s.spec.Name, rand.Uint32N(1<<20)) //nolint:gosec // a name, not a secret
	for _, c := range s.clients {
		c.retries.Store(0)
		c.waits.Store(0)
	}
	s.identity.Store(s.telemetry.identify(s.spec.Name, version, instance, now))
}

// start opens the listener, at the address of the previous life when possible.
// It does nothing when the service is up.
func (s *service) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return nil
	}
	listener, err := s.listen(ctx)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.spec.Name, err)
	}
	address := listener.Addr().String()
	s.address.Store(&address)
	if s.conns != nil {
		listener = countedListener{listener, s.conns}
	}
	p := &process{done: make(chan struct{})}
	p.life, p.end = context.WithCancel(context.Background())
	p.server = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(p.life, w, r) }),
		BaseContext:       func(net.Listener) context.Context { return p.life },
		ConnContext:       markRefused,
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          stdlog.New(io.Discard, "", 0),
	}
	go func() {
		defer close(p.done)
		_ = p.server.Serve(listener) // always ends with ErrServerClosed: only stop ends it
	}()
	s.process = p
	return nil
}

func (s *service) listen(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	if last := s.address.Load(); last != nil {
		if l, err := config.Listen(ctx, "tcp", *last); err == nil {
			return l, nil
		}
	}
	return config.Listen(ctx, "tcp", "127.0.0.1:0")
}

// stop ends the process like a crash: the listener and all connections are
// closed and what was in flight is cut. It does nothing when the service is down.
func (s *service) stop() error {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	p.end()
	err := p.server.Close()
	<-p.done
	for _, c := range s.clients {
		c.disconnect()
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop %s: %w", s.spec.Name, err)
	}
	return nil
}

// up says whether the service has a listener.
func (s *service) up() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process != nil
}

// restart ends the process and starts it again with the same version.
func (s *service) restart(ctx context.Context, now time.Time) error {
	if err := s.stop(); err != nil {
		return err
	}
	for _, c := range s.clients {
		c.breaker.restart()
	}
	s.traffic.reset()
	s.become(s.version(), now)
	return s.start(ctx)
}

// version is what runs.
func (s *service) version() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versions[len(s.versions)-1]
}

// deploy replaces the running version without an interruption, as rolling
// deploys do. It says whether that was a change.
func (s *service) deploy(version string, now time.Time) bool {
	s.mu.Lock()
	if s.versions[len(s.versions)-1] == version {
		s.mu.Unlock()
		return false
	}
	const kept = 20
	s.versions = append(s.versions, version)
	if len(s.versions) > kept {
		s.versions = s.versions[len(s.versions)-kept:]
	}
	s.mu.Unlock()
	s.become(version, now)
	return true
}

// rollback goes back to the version before the running one, or to the given
// one. Without anything to go back to it changes nothing.
func (s *service) rollback(version string, now time.Time) bool {
	s.mu.Lock()
	last := len(s.versions) - 1
	if version == "" {
		version = s.versions[max(0, last-1)]
	}
	if s.versions[last] == version {
		s.mu.Unlock()
		return false
	}
	kept := s.versions[:last]
	for len(kept) > 0 && kept[len(kept)-1] != version {
		kept = kept[:len(kept)-1]
	}
	if len(kept) == 0 {
		kept = append(kept, version)
	}
	s.versions = kept
	s.mu.Unlock()
	s.become(version, now)
	return true
}

// scale sets the number of instances and says whether that was a change.
func (s *service) scale(instances int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.instances != instances
	s.instances = instances
	s.workers.resize(s.spec.Workers * instances)
	if s.conns != nil {
		s.conns.limit.Store(int64(s.spec.ConnLimit * instances))
	}
	return changed
}

func (s *service) instanceCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instances
}
