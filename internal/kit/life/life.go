// Package life starts the parts of a program in order and stops them in reverse. What was started is stopped even when
// a later part fails to start. It is not a dependency injector: order is the order of lines in the caller.
package life

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Part is something that runs: a name for the log, what starts it, and what undoes that.
type Part struct {
	Name  string
	Start func(ctx context.Context) error
	Stop  func(ctx context.Context) error
}

// Group holds started parts.
type Group struct {
	mu      sync.Mutex
	started []Part
}

// Start starts one part and remembers how to stop it. When it fails, the caller still owns Stop of the group.
func (g *Group) Start(ctx context.Context, p Part) error {
	if p.Start != nil {
		if err := p.Start(ctx); err != nil {
			return fmt.Errorf("start %s: %w", p.Name, err)
		}
	}
	g.mu.Lock()
	g.started = append(g.started, p)
	g.mu.Unlock()
	return nil
}

// Stop stops all started parts, the newest first, and returns all errors. It may be called twice.
func (g *Group) Stop(ctx context.Context) error {
	g.mu.Lock()
	parts := g.started
	g.started = nil
	g.mu.Unlock()
	var errs []error
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i].Stop == nil {
			continue
		}
		if err := parts[i].Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", parts[i].Name, err))
		}
	}
	return errors.Join(errs...)
}

// Loop runs a function until stopped, restarts it after a panic or an error with a pause, and can be waited for. It is
// how every background part of the program runs.
func Loop(name string, log *slog.Logger, run func(ctx context.Context) error) Part {
	var cancel context.CancelFunc
	done := make(chan struct{})
	return Part{
		Name: name,
		Start: func(context.Context) error {
			var ctx context.Context
			ctx, cancel = context.WithCancel(context.Background())
			go func() {
				defer close(done)
				for ctx.Err() == nil {
					if err := guarded(ctx, run); err != nil && ctx.Err() == nil {
						log.Error("background part failed, restarting", "part", name, "error", err)
						pause(ctx, time.Second)
					}
				}
			}()
			return nil
		},
		Stop: func(ctx context.Context) error {
			cancel()
			select {
			case <-done:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
}

func guarded(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return run(ctx)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
