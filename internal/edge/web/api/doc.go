// Package api is the JSON API under /api/v1: one file per phase, each call checked for what its caller may do, errors as
// problem+json with a code that programs can tell apart. Its description is at /api/openapi.json. It holds no rule.
package api
