package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"nightkeeper/internal/kit/errs"
)

// Config says where to listen and what to serve.
type Config struct {
	Addr      string
	API       http.Handler            // under /api/
	UI        http.Handler            // everything else
	OTLP      http.Handler            // under /v1/
	Callbacks http.Handler            // under /callbacks/: what providers of messages call; it checks who does
	Intake    map[string]http.Handler // of alerts, by path; they bound what they read
	Ready     func(ctx context.Context) error
	Detail    func() string // what is wrong although it is ready; "" when nothing is
	Log       *slog.Logger
	MaxBody   int64 // of one request to API and UI; default 4 MiB
}

// Server serves HTTP. Start listens, Stop waits for requests under way.
type Server struct {
	cfg Config
	srv *http.Server
	lis net.Listener
}

// New returns a server that does not listen yet.
func New(c Config) *Server {
	if c.MaxBody == 0 {
		c.MaxBody = 4 << 20
	}
	s := &Server{cfg: c}
	s.srv = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	return s
}

// Start listens and serves in the background.
func (s *Server) Start(ctx context.Context) error {
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // it would say the address again
		}
		return errs.Wrap(err, errs.Unavailable, "cannot listen on %s", s.cfg.Addr)
	}
	s.lis = lis
	go func() {
		if err := s.srv.Serve(lis); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Log.Error("web server ended", "error", err)
		}
	}()
	return nil
}

// Addr returns the address that is listened on; nil before Start.
func (s *Server) Addr() net.Addr {
	if s.lis == nil {
		return nil
	}
	return s.lis.Addr()
}

// Stop ends live streams and waits for other requests as long as ctx allows.
func (s *Server) Stop(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.srv.Shutdown(short); err == nil {
		return nil
	}
	return s.srv.Close() // only live streams are left: they end when they are told to
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.cfg.Ready(r.Context()); err != nil {
			http.Error(w, errs.Message(err), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
		if s.cfg.Detail != nil {
			fmt.Fprint(w, s.cfg.Detail())
		}
	})
	if s.cfg.OTLP != nil {
		mux.Handle("/v1/", s.cfg.OTLP)
	}
	for path, h := range s.cfg.Intake {
		mux.Handle(path, h)
	}
	if s.cfg.Callbacks != nil {
		mux.Handle("/callbacks/", s.limit(s.cfg.Callbacks))
	}
	mux.Handle("/api/", s.limit(s.cfg.API)) // API and pages refuse other sites in their own words
	if s.cfg.UI != nil {
		mux.Handle("/", s.limit(s.cfg.UI))
	}
	return s.recovered(mux)
}

func (s *Server) limit(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, s.cfg.MaxBody)
		h.ServeHTTP(w, r)
	})
}

// recovered turns a panic into an answer of 500 and a line in the log.
func (s *Server) recovered(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				s.cfg.Log.Error("request failed by a bug", "path", r.URL.Path, "panic", p)
				http.Error(w, "internal error", http.StatusInternalServerError)
			}
		}()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		w.Header().Set("X-Frame-Options", "DENY")
		h.ServeHTTP(w, r)
	})
}
