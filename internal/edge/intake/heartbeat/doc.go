// Package heartbeat takes signs of life in: a job asks for its address when it has done its work, with any tool. It is only
// the address; what a missing sign of life means is detect's.
package heartbeat
