// Package pagerduty speaks PagerDuty's Events API v2, so that what sends events there can send them here by changing its
// address: alerts are triggered, acknowledged and resolved by their dedup_key, and change events become deploys. The
// routing_key is a token.
//
//	body -> event -> routing_key, limits -> detect takes it in -> 202
//
// It is not PagerDuty's REST API: nothing is listed or configured here. An answer of 202 means that the event is durable.
package pagerduty
