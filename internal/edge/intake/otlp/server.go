package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/grpc"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

// DefaultMaxBody bounds one request after decompression.
const DefaultMaxBody = 20 << 20

// Sink takes decoded telemetry. Each method returns how many rows were refused because of their own faults and why; an
// error means that none was taken. With code unavailable the sender is asked to try again later, with code invalid to
// drop the batch. The methods are called by many goroutines; they may keep what they are given.
type Sink interface {
	// Spans takes finished spans.
	Spans(ctx context.Context, spans []observe.Span) (rejected int, reason string, err error)
	// Logs takes log lines.
	Logs(ctx context.Context, lines []observe.LogLine) (rejected int, reason string, err error)
	// Metrics takes metrics as they came.
	Metrics(ctx context.Context, md pmetric.Metrics) (rejected int, reason string, err error)
}

// Config says where to listen and what to allow.
type Config struct {
	GRPCAddr  string                   // empty: no gRPC
	HTTPAddr  string                   // empty: no listener of its own; Handler may be mounted elsewhere
	Sink      Sink                     // required
	Authorize func(token string) error // checks the bearer token; nil is open to everybody
	MaxBody   int64                    // bytes of one request after decompression; default 20 MiB
	Decoders  int                      // requests decoded at once; default the number of processors, at least 2
	Log       *slog.Logger
}

// Server takes OTLP in.
type Server struct {
	cfg       Config
	slots     chan struct{}
	memory    budget
	inFlight  chan struct{} // gRPC requests
	inflaters sync.Pool     // of *gzip.Reader

	mu       sync.Mutex
	grpc     *grpc.Server
	http     *http.Server
	grpcAddr net.Addr
	httpAddr net.Addr
	ended    []string // servers that ended by themselves, and why
	done     sync.WaitGroup
}

const (
	maxInFlight = 128 // gRPC requests whose bytes may be in memory at once
	bodyBudget  = 8   // HTTP bodies in memory at once, in largest bodies
)

// New checks the configuration and completes it. It starts nothing.
func New(cfg Config) (*Server, error) {
	if cfg.Sink == nil {
		return nil, errs.New(errs.Invalid, "otlp: Sink is required")
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Decoders <= 0 {
		cfg.Decoders = max(2, runtime.GOMAXPROCS(0))
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{
		cfg:      cfg,
		slots:    make(chan struct{}, cfg.Decoders),
		inFlight: make(chan struct{}, maxInFlight),
	}
	s.memory.left.Store(bodyBudget * cfg.MaxBody)
	return s, nil
}

// Start listens on the addresses of the configuration and serves in the background.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lc net.ListenConfig
	if s.cfg.GRPCAddr != "" {
		l, err := lc.Listen(ctx, "tcp", s.cfg.GRPCAddr)
		if err != nil {
			return fmt.Errorf("listen for OTLP gRPC: %w", err)
		}
		srv := s.newGRPC()
		s.grpc, s.grpcAddr = srv, l.Addr()
		s.serve("grpc", func() error { return srv.Serve(l) })
	}
	if s.cfg.HTTPAddr != "" {
		l, err := lc.Listen(ctx, "tcp", s.cfg.HTTPAddr)
		if err != nil {
			if s.grpc != nil {
				s.grpc.Stop()
			}
			return fmt.Errorf("listen for OTLP HTTP: %w", err)
		}
		srv := &http.Server{
			Handler:           s.Handler(),
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		}
		s.http, s.httpAddr = srv, l.Addr()
		s.serve("http", func() error { return srv.Serve(l) })
	}
	return nil
}

// Ended returns the servers that do not listen any more although nobody stopped them, each with the reason.
func (s *Server) Ended() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ended)
}

func (s *Server) serve(name string, run func() error) {
	s.done.Go(func() {
		if err := run(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, grpc.ErrServerStopped) {
			s.cfg.Log.Error("OTLP server ended", "server", name, "error", err)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ended = append(s.ended, fmt.Sprintf("%s does not listen any more: %v", name, err))
		}
	})
}

// Addr is where gRPC listens; nil before Start or when it does not.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grpcAddr
}

// HTTPAddr is where HTTP listens; nil before Start or when it does not.
func (s *Server) HTTPAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.httpAddr
}

// Stop lets requests under way finish, as long as ctx allows, and closes the listeners. It may be called twice.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	gs, hs := s.grpc, s.http
	s.grpc, s.http = nil, nil
	s.mu.Unlock()
	var err error
	if hs != nil {
		if err = hs.Shutdown(ctx); err != nil {
			_ = hs.Close()
		}
	}
	if gs != nil {
		stop := context.AfterFunc(ctx, gs.Stop) // ends GracefulStop
		gs.GracefulStop()
		stop()
	}
	s.done.Wait()
	return err
}
