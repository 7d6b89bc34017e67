package shop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// DefaultAdminAddr is where the admin API listens unless told otherwise.
	DefaultAdminAddr = "127.0.0.1:7070"
	// DefaultJourneys is how many journeys start per second unless told otherwise.
	DefaultJourneys = 25.0
	// mostJourneys keeps a slip of the finger from melting the machine.
	mostJourneys = 1000
	// stopTime is how long Run gives Stop.
	stopTime = 5 * time.Second
)

// Options are the settings of a shop. All may be left out.
type Options struct {
	// OTLPEndpoint is the host and port of an OTLP/gRPC receiver without TLS;
	// empty switches telemetry off.
	OTLPEndpoint string
	// OTLPToken is sent to the receiver as a bearer token.
	OTLPToken string
	// AdminAddr is where the admin API listens. It must be a loopback address,
	// because everybody who reaches it may break things.
	AdminAddr string
	// Journeys is how many journeys start per second; negative is none at all.
	Journeys float64
	// Logger gets what the operator of the shop should know.
	Logger *slog.Logger
}

// Shop is a running fleet of services with its load and its admin API.
type Shop struct {
	options   Options
	directory map[string]*service
	telemetry *telemetry
	load      *load
	faults    *faultBook
	actions   *actionLog

	admin  *http.Server
	addr   string
	cancel context.CancelFunc
	wg     sync.WaitGroup
	stop   sync.Once
	err    error
}

// New checks the options and prepares a shop. It starts nothing.
func New(options Options) (*Shop, error) {
	if options.AdminAddr == "" {
		options.AdminAddr = DefaultAdminAddr
	}
	if options.Journeys == 0 {
		options.Journeys = DefaultJourneys
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Journeys > mostJourneys {
		return nil, fmt.Errorf("journeys %v per second: use at most %d", options.Journeys, mostJourneys)
	}
	if err := CheckAdmin(options.AdminAddr); err != nil {
		return nil, err
	}
	specs := table()
	if err := checkTopology(specs); err != nil {
		return nil, fmt.Errorf("check topology: %w", err)
	}
	t, err := newTelemetry(context.Background(), options.OTLPEndpoint, options.OTLPToken, options.Logger)
	if err != nil {
		return nil, err
	}
	s := &Shop{options: options, directory: make(map[string]*service, len(specs)), telemetry: t, actions: newActionLog()}
	now := time.Now()
	for _, spec := range specs {
		svc, err := newService(spec, s.directory, t, now)
		if err != nil {
			return nil, errors.Join(err, t.close(context.Background()))
		}
		s.directory[spec.Name] = svc
	}
	s.load = newLoad(s.directory, max(0, options.Journeys))
	s.faults = newFaultBook(s.directory, s.load)
	return s, nil
}

// CheckAdmin refuses an address of the admin API that is not on loopback.
func CheckAdmin(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("admin address %q: use host:port, such as %s", addr, DefaultAdminAddr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("admin address %q: use a loopback address, such as %s", addr, DefaultAdminAddr)
	}
	return nil
}

// Start starts the services, the admin API and then the load. After an error
// everything that was started is stopped again.
func (s *Shop) Start(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	s.options.Logger.Info("shop is open", "admin", "http://"+s.addr, "services", len(s.directory),
		"journeys_per_second", s.load.rate, "otlp", s.options.OTLPEndpoint)
	return nil
}

func (s *Shop) start(ctx context.Context) error {
	for _, svc := range byName(s.directory) {
		if err := svc.start(ctx); err != nil {
			return err
		}
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.options.AdminAddr)
	if err != nil {
		return fmt.Errorf("start admin API: %w", err)
	}
	s.addr = listener.Addr().String()
	s.admin = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	s.wg.Go(func() { _ = s.admin.Serve(listener) }) // always ends with ErrServerClosed: only Stop ends it

	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.wg.Go(func() { s.faults.sweep(background) })
	s.wg.Go(func() { s.closeIdle(background) })
	if s.telemetry.conn != nil {
		s.wg.Go(func() { s.reportMetrics(background) })
	}
	s.load.start(background)
	return nil
}

// closeIdle closes database connections that nobody used for a while.
func (s *Shop) closeIdle(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			for _, svc := range s.directory {
				for _, c := range svc.clients {
					c.db.closeBefore(now.Add(-idleConnection))
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// Addr returns the host and port of the admin API, once Start has returned.
func (s *Shop) Addr() string { return s.addr }

// Stop ends the load, closes the services and delivers the last telemetry as
// long as ctx allows. It may be called more than once.
func (s *Shop) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		if s.admin != nil {
			s.err = errors.Join(s.err, s.admin.Close())
		}
		if s.cancel != nil {
			s.cancel()
		}
		s.wg.Wait()
		s.load.stop()
		for _, svc := range byName(s.directory) {
			s.err = errors.Join(s.err, svc.stop())
		}
		if err := s.telemetry.close(ctx); err != nil {
			s.options.Logger.Warn("last telemetry was not delivered", "error", err)
		}
	})
	return s.err
}

// Run opens a shop and keeps it open until ctx ends.
func Run(ctx context.Context, options Options) error {
	s, err := New(options)
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return s.Stop(stopping)
}
