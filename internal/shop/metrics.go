package shop

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// metricsEvery is how often each service reports its metrics.
const metricsEvery = 5 * time.Second

// reportMetrics sends the metrics of all services until ctx ends, spread evenly
// over the interval. A service that is down reports nothing, like the real ones.
func (s *Shop) reportMetrics(ctx context.Context) {
	services := byName(s.directory)
	ticker := time.NewTicker(metricsEvery / time.Duration(len(services)))
	defer ticker.Stop()
	for i := 0; ; i = (i + 1) % len(services) {
		select {
		case now := <-ticker.C:
			if services[i].up() {
				s.telemetry.sendMetrics(ctx, services[i].measure(now))
			}
		case <-ctx.Done():
			return
		}
	}
}

// measure takes all measurements of a service.
func (s *service) measure(now time.Time) *metricdata.ResourceMetrics {
	id, workers := s.identity.Load(), s.workers.state()
	m := measurement{now: now, started: id.started}
	m.gauge("process.uptime", "s", now.Sub(id.started).Seconds())
	m.gauge("shop.instances", "{instance}", float64(s.instanceCount()))
	m.gauge("shop.workers.busy", "{worker}", float64(workers.busy))
	m.gauge("shop.workers.limit", "{worker}", float64(workers.limit))
	m.gauge("shop.queue.length", "{request}", float64(workers.waiting))
	m.gauge("shop.queue.limit", "{request}", float64(s.spec.QueueLimit))
	if s.conns != nil {
		m.gauge("shop.db.connections", "{connection}", float64(s.conns.open.Load()))
		m.gauge("shop.db.connections.limit", "{connection}", float64(s.conns.limit.Load()))
	}
	for _, c := range s.clients {
		to := attribute.String("dependency", c.spec.Name)
		pool := c.pool.state()
		m.gauge("shop.pool.in_use", "{connection}", float64(pool.busy), to)
		m.gauge("shop.pool.limit", "{connection}", float64(pool.limit), to)
		m.gauge("shop.pool.waiting", "{call}", float64(pool.waiting), to)
		m.counter("shop.pool.wait", "s", float64(c.waits.Load())/1e6, to)
		m.counter("shop.retries", "{retry}", float64(c.retries.Load()), to)
		open := 0.0
		if _, state := c.breaker.state(now); state != "closed" {
			open = 1
		}
		m.gauge("shop.breaker.open", "1", open, to)
	}
	return &metricdata.ResourceMetrics{Resource: id.resource, ScopeMetrics: []metricdata.ScopeMetrics{
		{Scope: instrumentation.Scope{Name: scopeName}, Metrics: m.metrics}}}
}

// measurement collects data points, the points of one metric together.
type measurement struct {
	now     time.Time
	started time.Time
	metrics []metricdata.Metrics
}

func (m *measurement) gauge(name, unit string, value float64, attrs ...attribute.KeyValue) {
	point := metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attrs...), Time: m.now, Value: value}
	at := m.metric(name, unit, metricdata.Gauge[float64]{})
	data, _ := at.Data.(metricdata.Gauge[float64])
	data.DataPoints = append(data.DataPoints, point)
	at.Data = data
}

func (m *measurement) counter(name, unit string, value float64, attrs ...attribute.KeyValue) {
	point := metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attrs...), StartTime: m.started, Time: m.now, Value: value}
	at := m.metric(name, unit, metricdata.Sum[float64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true})
	data, _ := at.Data.(metricdata.Sum[float64])
	data.DataPoints = append(data.DataPoints, point)
	at.Data = data
}

// metric returns the metric with this name, made when it is not there.
func (m *measurement) metric(name, unit string, empty metricdata.Aggregation) *metricdata.Metrics {
	for i := range m.metrics {
		if m.metrics[i].Name == name {
			return &m.metrics[i]
		}
	}
	m.metrics = append(m.metrics, metricdata.Metrics{Name: name, Unit: unit, Data: empty})
	return &m.metrics[len(m.metrics)-1]
}
