package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
)

// Timers are the timers of all phases, by kind.
type Timers = job.Timers[*Tx]

// Handlers are what one follower does about facts.
type Handlers = event.Handlers[*Tx]

// rest waits until the bell rings, for due, for freed, or for the poll of the database; whichever is first.
func (db *DB) rest(ctx context.Context, b *bell, freed <-chan struct{}, due time.Time, now time.Time) {
	b.asleep(due)
	defer b.awake()
	d := db.dialect.poll
	if !due.IsZero() {
		d = min(d, max(due.Sub(now), 0))
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-b.ring:
	case <-freed:
	case <-t.C:
	}
}

// outage is how those who run in the background wait for a database that is gone.
type outage struct {
	mu   sync.Mutex
	back chan struct{} // of those who wait now; closed when the database answers
}

// Of a database that is gone: how often it is asked whether it is back, and how long an answer may take.
const (
	askEvery   = 100 * time.Millisecond
	answerTime = 2 * time.Second
)

// outlast returns nil when a database that was gone answers again, and any other error at once. One asks for all.
func (db *DB) outlast(ctx context.Context, err error, log *slog.Logger) error {
	if !errs.Is(err, errs.Unavailable) || ctx.Err() != nil {
		return err
	}
	db.outage.mu.Lock()
	back := db.outage.back
	if back != nil {
		db.outage.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-back:
		}
		return nil
	}
	back = make(chan struct{})
	db.outage.back = back
	db.outage.mu.Unlock()
	defer func() {
		db.outage.mu.Lock()
		db.outage.back = nil
		db.outage.mu.Unlock()
		close(back)
	}()
	log.Error("the database is gone; what is due waits for it", "error", err)
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if db.answers(ctx) {
			log.Info("the database is back")
			return nil
		}
	}
}

// answers reports whether the database can write: on a full disk it reads as ever.
func (db *DB) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return db.Update(ctx, func(t *Tx) error { _, err := t.next(ctx, "outage", 1); return err }) == nil
}

// RunTimers runs timers as they become due until ctx ends. Each runs in the transaction that removes it; one that fails
// is put aside for a while and does not delay the others.
func (db *DB) RunTimers(ctx context.Context, timers Timers, now func() time.Time, log *slog.Logger) error {
	kinds := slices.Sorted(maps.Keys(timers))
	bell, down := db.bells.hang(kinds)
	defer down()
	spared := ""
	for ctx.Err() == nil {
		kind, due, err := db.nextDue(ctx, kinds)
		fired := false
		if at := now(); err == nil && kind != "" && !due.After(at) {
			fired, err = db.fireOne(ctx, kind, timers, &spared, at, log)
		}
		if err != nil {
			if err = db.outlast(ctx, err, log); err != nil {
				return err
			}
			continue
		}
		if fired {
			continue
		}
		db.rest(ctx, bell, nil, due, now())
	}
	return nil
}

func (db *DB) nextDue(ctx context.Context, kinds []string) (kind string, due time.Time, err error) {
	err = db.View(ctx, func(t *Tx) (err error) { kind, due, err = t.NextDue(ctx, kinds); return err })
	return kind, due, err
}

// fireOne takes the timer of a kind that has been due longest and runs it. One that fails because something is away is
// spared once: that is mostly the database, and not its fault.
func (db *DB) fireOne(ctx context.Context, kind string, timers Timers, spared *string, now time.Time, log *slog.Logger) (bool, error) {
	var j job.Job
	err := db.Update(ctx, func(t *Tx) (err error) {
		if j, err = t.Take(ctx, []string{kind}, now); err != nil {
			return err
		}
		return timers[j.Kind](ctx, t, j, now)
	})
	switch {
	case err == nil:
		return true, nil
	case j.ID == "" && errs.Is(err, errs.NotFound):
		return false, nil
	case j.ID == "" || (errs.Is(err, errs.Unavailable) && *spared != j.ID):
		*spared = j.ID
		return false, fmt.Errorf("fire a timer: %w", err)
	}
	log.Error("timer failed, will be tried again", "job", j.Kind, "key", j.Key, "attempt", j.Attempts+1, "error", err)
	return true, db.Update(ctx, func(t *Tx) error {
		return t.Retry(ctx, j.ID, now, now.Add(job.Backoff(j.Attempts+1)), false, err.Error())
	})
}

// lease is how long a task may work before another process may take it; it is renewed while the task runs.
const lease = 15 * time.Second

// slots counts the tasks under way of each kind.
type slots struct {
	mu    sync.Mutex
	busy  map[string]int
	freed chan struct{} // has something in it when a task ended since it was last looked at
}

// free returns the kinds of which fewer than width are under way.
func (s *slots) free(kinds []string, width int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return s.busy[k] >= width })
}

// of returns how many of a kind are under way.
func (s *slots) of(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy[kind]
}

func (s *slots) add(kind string, n int) {
	s.mu.Lock()
	s.busy[kind] += n
	s.mu.Unlock()
	if n < 0 {
		select {
		case s.freed <- struct{}{}:
		default:
		}
	}
}

// RunTasks runs tasks as they become due, at most width of each kind at a time, until ctx ends; then it waits for those
// under way. A kind that hangs keeps no other kind waiting.
func (db *DB) RunTasks(ctx context.Context, tasks job.Tasks, width int, now func() time.Time, log *slog.Logger) error {
	kinds := slices.Sorted(maps.Keys(tasks))
	bell, down := db.bells.hang(kinds)
	defer down()
	s := slots{busy: map[string]int{}, freed: make(chan struct{}, 1)}
	var running sync.WaitGroup
	defer running.Wait()
	for ctx.Err() == nil {
		free := s.free(kinds, width)
		if len(free) == 0 {
			select {
			case <-ctx.Done():
			case <-s.freed:
			}
			continue
		}
		kind, due, err := db.nextDue(ctx, free)
		var jobs []job.Job
		if at := now(); err == nil && kind != "" && !due.After(at) {
			err = db.Update(ctx, func(t *Tx) (err error) {
				jobs, err = t.Claim(ctx, []string{kind}, at, at.Add(lease), width-s.of(kind))
				return err
			})
		}
		if err != nil {
			if err = db.outlast(ctx, err, log); err != nil {
				return err
			}
			continue
		}
		if len(jobs) == 0 {
			db.rest(ctx, bell, s.freed, due, now())
			continue
		}
		s.add(kind, len(jobs))
		for _, j := range jobs {
			running.Go(func() {
				defer s.add(kind, -1)
				db.runTask(ctx, tasks[kind], j, now, log)
			})
		}
	}
	return nil
}

// runTask runs one task, renews its lease meanwhile, and records how it ended.
func (db *DB) runTask(ctx context.Context, task job.Task, j job.Job, now func() time.Time, log *slog.Logger) {
	stop, renewed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(renewed)
		tick := time.NewTicker(lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if err := db.Update(ctx, func(t *Tx) error { return t.Renew(ctx, j.ID, now().Add(lease)) }); err != nil {
					log.Warn("lease of a task not renewed", "job", j.Kind, "key", j.Key, "error", err)
				}
			}
		}
	}()
	err := runGuarded(ctx, task, j)
	close(stop)
	<-renewed
	if err != nil && ctx.Err() != nil {
		return // stopping: the lease ends and the task is done again
	}
	// The result is written even when the program is stopping.
	last := context.WithoutCancel(ctx)
	waits := false
	werr := db.Update(last, func(t *Tx) error {
		if err == nil {
			return t.Done(last, j.ID)
		}
		at := now()
		due, counts := job.Next(err, j.Attempts+1, at)
		if !counts {
			waits = true
			return t.Postpone(last, j.ID, due, err.Error())
		}
		return t.Retry(last, j.ID, at, due, j.Attempts+1 >= job.MaxAttempts, err.Error())
	})
	if err != nil && !waits {
		log.Warn("task failed, will be tried again", "job", j.Kind, "key", j.Key, "attempt", j.Attempts+1, "error", err)
	}
	if werr != nil {
		log.Error("result of a task not written; it will be done again", "job", j.Kind, "key", j.Key, "error", werr)
	}
}

func runGuarded(ctx context.Context, task job.Task, j job.Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s: %v", j.Kind, p)
		}
	}()
	return task(ctx, j)
}

// AsideEvery is how often a follower should be offered what it set aside.
const AsideEvery = 30 * time.Second

// RetryAside offers the facts that a follower set aside to it again: what kept it from them may have been mended since.
func (db *DB) RetryAside(ctx context.Context, name string, handlers Handlers, now func() time.Time) error {
	var aside []StuckJob
	err := db.View(ctx, func(t *Tx) (err error) { aside, err = t.Stuck(ctx); return err })
	if err != nil {
		return err
	}
	var failed []error
	for _, j := range aside {
		if j.Kind != "follow."+name {
			continue
		}
		err := db.Update(ctx, func(t *Tx) error {
			e, err := job.Decode[event.Event](j.Job)
			if err != nil {
				return err
			}
			h := handlers[e.Kind]
			if h == nil {
				return fmt.Errorf("nothing follows %s any more", e.Kind)
			}
			if err := h(ctx, t, e, now()); err != nil {
				return err
			}
			return t.Done(ctx, j.ID)
		})
		if err != nil {
			failed = append(failed, err, db.Update(ctx, func(t *Tx) error {
				return t.Retry(ctx, j.ID, now(), now().Add(AsideEvery), true, err.Error())
			}))
		}
	}
	return errors.Join(failed...)
}

// maxFollow is how often a fact is offered to a follower that fails before it is set aside as a stuck job.
const maxFollow = 6

// Follow hands facts to handlers in order until ctx ends. The cursor moves in the transaction of the handler. A fact
// whose handler keeps failing is set aside where people can see it, so that it does not hold up every fact behind it; see
// RetryAside.
func (db *DB) Follow(ctx context.Context, name string, handlers Handlers, now func() time.Time, log *slog.Logger) error {
	kinds := slices.Sorted(maps.Keys(handlers))
	bell, down := db.bells.hang(kinds)
	defer down()
	for ctx.Err() == nil {
		var after int64
		var facts []event.Event
		err := db.View(ctx, func(t *Tx) (err error) {
			if after, err = t.Cursor(ctx, name); err != nil {
				return err
			}
			facts, err = t.Events(ctx, event.Query{After: after, Kinds: kinds, Synthetic: true, Limit: 100})
			return err
		})
		if err != nil {
			if err = db.outlast(ctx, err, log); err != nil {
				return fmt.Errorf("follower %s: %w", name, err)
			}
			continue
		}
		if len(facts) > 1 && db.handleAll(ctx, name, handlers, facts, now) == nil {
			continue
		}
		for _, e := range facts {
			if err := db.handle(ctx, name, handlers[e.Kind], e, now, log); err != nil {
				return err
			}
		}
		if len(facts) == 0 {
			db.rest(ctx, bell, nil, time.Time{}, now())
		}
	}
	return nil
}

// handleAll hands facts to their handlers in one transaction. When one of them fails nothing has happened, and each is to be
// handled on its own.
func (db *DB) handleAll(ctx context.Context, name string, handlers Handlers, facts []event.Event, now func() time.Time) error {
	return db.Update(ctx, func(t *Tx) error {
		at, err := t.Cursor(ctx, name)
		if err != nil {
			return err
		}
		for _, e := range facts {
			if at >= e.Seq {
				continue
			}
			if err := handlers[e.Kind](ctx, t, e, now()); err != nil {
				return err
			}
			at = e.Seq
		}
		return t.SaveCursor(ctx, name, at)
	})
}

func (db *DB) handle(ctx context.Context, name string, h event.Handler[*Tx], e event.Event, now func() time.Time, log *slog.Logger) error {
	var err error
	for attempt := 1; attempt <= maxFollow; attempt++ {
		err = db.Update(ctx, func(t *Tx) error {
			at, err := t.Cursor(ctx, name)
			if err != nil || at >= e.Seq {
				return err
			}
			if err := h(ctx, t, e, now()); err != nil {
				return err
			}
			return t.SaveCursor(ctx, name, e.Seq)
		})
		if err == nil || ctx.Err() != nil {
			return err
		}
		if db.outlast(ctx, err, log) == nil {
			attempt-- // the database was gone: that is not the fact's fault
			continue
		}
		log.Error("follower failed", "follower", name, "fact", e.Kind, "seq", e.Seq, "attempt", attempt, "error", err)
		db.rest(ctx, &bell{}, nil, now().Add(time.Duration(attempt)*50*time.Millisecond), now())
	}
	return db.Update(ctx, func(t *Tx) error {
		at, cerr := t.Cursor(ctx, name)
		if cerr != nil || at >= e.Seq { // another replica could handle it after all
			return cerr
		}
		aside := now()
		j := job.New("follow."+name, fmt.Sprint(e.Seq), aside.Add(AsideEvery), e)
		if err := t.Enqueue(ctx, j); err != nil {
			return err
		}
		if err := t.exec(ctx, "update jobs set stuck = 1, attempts = $3, error = $4, failed_at = $5 where kind = $1 and key = $2",
			j.Kind, j.Key, maxFollow, err.Error(), micros(aside)); err != nil {
			return err
		}
		return t.SaveCursor(ctx, name, e.Seq)
	})
}
