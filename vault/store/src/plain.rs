//! Reading and writing foreign plaintext SQLite databases.
