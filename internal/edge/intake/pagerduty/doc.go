// Package pagerduty speaks PagerDuty's Events API v2, so that what sends events there can send them here by changing its
// address: alerts are triggered, acknowledged and resolved by their dedup_key, and change events become deploys. The
// routing_key is a token. Version 1, which old senders use, has a service_key and an incident_key instead.
//
//	body -> event -> routing_key, limits -> detect takes it in -> 202 (200 in version 1)
//
// It is not PagerDuty's REST API: nothing is listed or configured here. An answer of 2xx means that the event is durable.
package pagerduty
