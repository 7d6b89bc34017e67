package shop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/propagation"
)

// idleConnection is how long an unused database connection stays open.
const idleConnection = 2 * time.Second

// connCounter is the database's side: how many connections are open, of how many.
type connCounter struct{ open, limit atomic.Int64 }

// countedListener marks the connections over the limit, so that they can be
// answered with an error as databases do, and counts the others.
type countedListener struct {
	net.Listener
	counter *connCounter
}

// Accept waits for the next connection.
func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Server looks at the error itself
	}
	c := &countedConn{Conn: conn, counter: l.counter, admitted: true}
	if l.counter.open.Add(1) > l.counter.limit.Load() {
		l.counter.open.Add(-1)
		c.admitted = false
	}
	return c, nil
}

type countedConn struct {
	net.Conn
	counter  *connCounter
	admitted bool
	once     sync.Once
}

// Close closes the connection and gives its place back.
func (c *countedConn) Close() error {
	c.once.Do(func() {
		if c.admitted {
			c.counter.open.Add(-1)
		}
	})
	return c.Conn.Close() //nolint:wrapcheck // a net.Conn method
}

type refusedKey struct{}

// markRefused puts into a connection's context that it is over the limit.
func markRefused(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*countedConn); ok && !c.admitted {
		return context.WithValue(ctx, refusedKey{}, true)
	}
	return ctx
}

func refused(ctx context.Context) bool { return ctx.Value(refusedKey{}) != nil }

// dbConn is a client's connection to the database, used by one at a time.
type dbConn struct {
	net.Conn
	reader *bufio.Reader
	used   time.Time
}

// dbConns are the open connections of one service that nobody uses at the moment.
type dbConns struct {
	mu   sync.Mutex
	idle []*dbConn // the last used one last
}

// take returns an idle connection, or nil.
func (d *dbConns) take() *dbConn {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.idle) == 0 {
		return nil
	}
	c := d.idle[len(d.idle)-1]
	d.idle = d.idle[:len(d.idle)-1]
	return c
}

func (d *dbConns) put(c *dbConn, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.used = now
	d.idle = append(d.idle, c)
}

// closeBefore closes the connections that nobody used since then.
func (d *dbConns) closeBefore(then time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.idle[:0]
	for _, c := range d.idle {
		if c.used.Before(then) {
			_ = c.Close() // nothing is in flight on it
		} else {
			kept = append(kept, c)
		}
	}
	clear(d.idle[len(kept):])
	d.idle = kept
}

// transaction keeps one database connection until it ends.
type transaction struct {
	client *client
	conn   *dbConn
}

// begin opens a transaction with its first query.
func (c *client) begin(ctx context.Context) (*transaction, error) {
	var tx *transaction
	err := c.policy(ctx, "", func(ctx context.Context) error {
		conn, err := c.connect(ctx)
		if err != nil {
			return err
		}
		tx = &transaction{c, conn}
		return nil
	})
	return tx, err
}

// end commits or rolls back, and gives the connection back.
func (tx *transaction) end(ctx context.Context, commit bool) error {
	var err error
	if commit {
		err = tx.client.attempt(ctx, "COMMIT", 0, func(ctx context.Context) error { return tx.client.exchange(ctx, tx.conn) })
	}
	tx.client.release(tx.conn, err)
	return err
}

// query reads or writes something outside of a transaction.
func (c *client) query(ctx context.Context) error {
	return c.policy(ctx, "", func(ctx context.Context) error {
		conn, err := c.connect(ctx)
		if err == nil {
			c.release(conn, nil)
		}
		return err
	})
}

// connect takes a connection out of the pool, or opens one, and sends a first
// query over it. The caller has to release the connection.
func (c *client) connect(ctx context.Context) (*dbConn, error) {
	if err := c.enterPool(ctx); err != nil {
		return nil, err
	}
	conn := c.db.take()
	fresh := conn == nil
	if fresh {
		var err error
		if conn, err = c.dialDatabase(ctx); err != nil {
			c.pool.leave()
			return nil, err
		}
	}
	err := c.exchange(ctx, conn)
	if err != nil {
		c.release(conn, err)
		return nil, err
	}
	return conn, nil
}

// release gives a connection back; after an error it is closed.
func (c *client) release(conn *dbConn, err error) {
	if err != nil {
		_ = conn.Close() // it is broken already
	} else {
		c.db.put(conn, time.Now())
	}
	c.pool.leave()
}

func (c *client) dialDatabase(ctx context.Context) (*dbConn, error) {
	dialer := net.Dialer{Timeout: c.spec.Timeout}
	conn, err := dialer.DialContext(ctx, "tcp", *c.target().address.Load())
	if err != nil {
		return nil, c.explain(err)
	}
	return &dbConn{Conn: conn, reader: bufio.NewReader(conn)}, nil
}

// exchange sends one query and waits for its answer.
func (c *client) exchange(ctx context.Context, conn *dbConn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) }) // a crash cuts it
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+databaseName+"/query", http.NoBody)
	if err != nil {
		return fmt.Errorf("make query: %w", err)
	}
	request.Header.Set("User-Agent", c.owner.agent())
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	if err := conn.SetDeadline(time.Now().Add(c.spec.Timeout)); err != nil {
		return c.explain(err)
	}
	if err := request.Write(conn); err != nil {
		return c.explain(err)
	}
	response, err := http.ReadResponse(conn.reader, request)
	if err != nil {
		return c.explain(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return c.explain(err)
	}
	if response.StatusCode == http.StatusOK {
		return nil
	}
	if strings.Contains(string(body), "too many connections") {
		return &failure{http.StatusServiceUnavailable, "too_many_connections", databaseName + ": too many connections"}
	}
	return c.refusal(response.StatusCode, body)
}

// isTimeout says whether an error of the network is about time.
func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}
