package store

// Queued returns how many updates wait for the writer.
func (db *DB) Queued() int { return len(db.queue) }
