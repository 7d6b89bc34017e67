package shop

import (
	"sync"
	"time"
)

// budgetWindow is the time over which retries are compared with calls.
const budgetWindow = 10 * time.Second

// budget decides how often a failed call may be tried again.
type budget struct {
	mu         sync.Mutex
	configured budgetLimits
	limits     budgetLimits
	calls      window
	retries    window
}

// budgetLimits are the two limits of a retry budget.
type budgetLimits struct {
	MaxRetries int     `json:"max_retries"`
	Percent    float64 `json:"percent"` // negative is unlimited
}

func newBudget(limits budgetLimits) *budget {
	return &budget{configured: limits, limits: limits, calls: newWindow(budgetWindow), retries: newWindow(budgetWindow)}
}

// set replaces the limits that are given and says whether anything changed.
func (b *budget) set(maxRetries *int, percent *float64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.limits
	if maxRetries != nil {
		b.limits.MaxRetries = *maxRetries
	}
	if percent != nil {
		b.limits.Percent = *percent
	}
	return b.limits != before
}

// restore goes back to what is configured and says whether that was a change.
func (b *budget) restore() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed := b.limits != b.configured
	b.limits = b.configured
	return changed
}

// called counts a call (not a retry).
func (b *budget) called(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls.add(now, 1)
}

// take asks for the retry with the given number, counted from one.
func (b *budget) take(now time.Time, number int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if number > b.limits.MaxRetries {
		return false
	}
	if b.limits.Percent >= 0 {
		allowed := b.limits.Percent / 100 * float64(b.calls.sum(now))
		if float64(b.retries.sum(now)+1) > allowed {
			return false
		}
	}
	b.retries.add(now, 1)
	return true
}

func (b *budget) current() budgetLimits {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limits
}
