package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"time"

	"nightkeeper/internal/kit/errs"
)

const (
	maxAttempts  = 3 // a batch that was there at so many deaths of the engine is the likely cause
	writeTimeout = 30 * time.Second
	fullPause    = time.Second
)

// feed sends the batches of one queue to the engine, one after another, until ctx ends.
func (h *Host) feed(ctx context.Context, q *queue) {
	for ctx.Err() == nil { // after a stop nobody takes what is left: it would go round for ever
		b, err := q.take(ctx)
		if err != nil {
			return
		}
		if err := h.await(ctx, true); err != nil {
			q.back(b)
			return
		}
		h.send(ctx, q, b)
	}
}

// send gives one batch to the engine, or back to the queue when another attempt makes sense.
func (h *Host) send(ctx context.Context, q *queue, b *batch) {
	writing, cancel := context.WithTimeout(ctx, writeTimeout)
	got, err := h.client.post(writing, b.path, b.body)
	cancel()
	var known *errs.Error
	switch {
	case err == nil:
		h.noteWritten(b, got)
		q.done()
	case ctx.Err() != nil:
		q.back(b)
	case errors.As(err, &known) && known.Code == errs.Unavailable:
		// Full or nearly so: what is newest stays in the queue until there is room.
		h.noteError(known.Cause.Error())
		q.back(b)
		wait(ctx, fullPause)
	case errors.As(err, &known):
		h.noteError(known.Cause.Error())
		h.cfg.Log.Error("telemetry engine refused a batch", "path", b.path, "rows", b.rows, "error", known)
		q.drop(b.rows)
		q.done()
	default:
		if !neverConnected(err) {
			b.attempts++
		}
		if b.attempts < maxAttempts {
			q.back(b)
			wait(ctx, firstBackoff) // the supervisor learns of the death about now
			return
		}
		h.cfg.Log.Error("telemetry engine died of a batch three times, dropping it", "path", b.path, "rows", b.rows, "error", err)
		q.drop(b.rows)
		q.done()
	}
}

// neverConnected reports whether the engine cannot have seen the request.
func neverConnected(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func (h *Host) noteWritten(b *batch, answer []byte) {
	var w written
	if json.Unmarshal(answer, &w) != nil || w.Rejected <= b.rejected {
		return
	}
	h.mu.Lock()
	h.health.Rejected += int64(w.Rejected - b.rejected)
	first := h.health.LastError != "rejected: "+w.Reason
	h.health.LastError = "rejected: " + w.Reason
	h.mu.Unlock()
	if first {
		h.cfg.Log.Warn("telemetry engine rejected rows", "rows", w.Rejected, "reason", w.Reason)
	}
}

func (h *Host) noteError(text string) {
	h.mu.Lock()
	first := h.health.LastError != text
	h.health.LastError = text
	h.mu.Unlock()
	if first {
		h.cfg.Log.Warn("telemetry engine has a problem", "error", text)
	}
}

// wait pauses for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
