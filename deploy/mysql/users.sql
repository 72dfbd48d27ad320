-- Users with no more rights than their work needs, for MySQL 8.0+ and MariaDB 10.11+.
-- Replace the passwords, and `crypto` where CFW_SCHEMA_PREFIX is another prefix (in a
-- pattern its underscores are written \_), then run it once as an administrator:
--   mysql -u root -p < deploy/mysql/users.sql
-- deploy/mysql/users.sh does both from files of passwords, as compose.yaml does at the first start.
-- '%' admits every host; name your network instead where you can ('10.0.0.%').

CREATE USER IF NOT EXISTS 'cfw_loader'@'%' IDENTIFIED BY 'CHANGE_ME_LOADER';
CREATE USER IF NOT EXISTS 'cfw_transformer'@'%' IDENTIFIED BY 'CHANGE_ME_TRANSFORMER';
CREATE USER IF NOT EXISTS 'cfw_reader'@'%' IDENTIFIED BY 'CHANGE_ME_READER';
CREATE USER IF NOT EXISTS 'cfw_worker'@'%' IDENTIFIED BY 'CHANGE_ME_WORKER';
CREATE USER IF NOT EXISTS 'cfw_monitor'@'%' IDENTIFIED BY 'CHANGE_ME_MONITOR';
CREATE USER IF NOT EXISTS 'cfw_backup'@'%' IDENTIFIED BY 'CHANGE_ME_BACKUP';

-- loader: `cfw ingest`, `cfw score`. Adds raw rows; a raw table it can neither
-- update nor empty nor drop, so that history stays what it was. The staging databases are its own.
GRANT SELECT, INSERT, CREATE, ALTER, INDEX ON `crypto\_raw`.* TO 'cfw_loader'@'%';
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, INDEX, DROP
    ON `crypto\_raw\_stg\_%`.* TO 'cfw_loader'@'%';

-- transformer: `cfw transform`, `cfw rollback`. Reads raw, owns everything that is built from it,
-- the schemas of tagged builds (<prefix>_<tag>_marts) and of versions of the marts that are not
-- published (<prefix>_marts_next) included.
GRANT SELECT ON `crypto\_raw`.* TO 'cfw_transformer'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES, CREATE VIEW,
    SHOW VIEW, CREATE TEMPORARY TABLES, LOCK TABLES
    ON `crypto\_%staging`.* TO 'cfw_transformer'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES, CREATE VIEW,
    SHOW VIEW, CREATE TEMPORARY TABLES, LOCK TABLES
    ON `crypto\_%intermediate`.* TO 'cfw_transformer'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES, CREATE VIEW,
    SHOW VIEW, CREATE TEMPORARY TABLES, LOCK TABLES
    ON `crypto\_%marts%`.* TO 'cfw_transformer'@'%';

-- Both write what ran into the journal; the reader shows it.
GRANT SELECT, INSERT, DELETE, CREATE ON `crypto\_ops`.* TO 'cfw_loader'@'%';
GRANT SELECT, INSERT, DELETE, CREATE ON `crypto\_ops`.* TO 'cfw_transformer'@'%';
GRANT SELECT ON `crypto\_ops`.* TO 'cfw_reader'@'%';

-- worker: one process that does both, `cfw serve` or `cfw run`. Raw tables stay history to it too.
GRANT SELECT, INSERT, CREATE, ALTER, INDEX ON `crypto\_raw`.* TO 'cfw_worker'@'%';
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, INDEX, DROP
    ON `crypto\_raw\_stg\_%`.* TO 'cfw_worker'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES, CREATE VIEW,
    SHOW VIEW, CREATE TEMPORARY TABLES, LOCK TABLES
    ON `crypto\_%staging`.* TO 'cfw_worker'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES, CREATE VIEW,
    SHOW VIEW, CREATE TEMPORARY TABLES, LOCK TABLES
    ON `crypto\_%intermediate`.* TO 'cfw_worker'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES, CREATE VIEW,
    SHOW VIEW, CREATE TEMPORARY TABLES, LOCK TABLES
    ON `crypto\_%marts%`.* TO 'cfw_worker'@'%';
-- The journal of runs.
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON `crypto\_ops`.* TO 'cfw_worker'@'%';

-- monitor: `cfw metrics`, `cfw status`, `cfw tables`. Reads, everywhere, and nothing else.
GRANT SELECT, SHOW VIEW ON `crypto\_%`.* TO 'cfw_monitor'@'%';

-- backup: deploy/mysql/backup.sh. Reads what cannot be built again.
GRANT SELECT, SHOW VIEW, LOCK TABLES ON `crypto\_raw`.* TO 'cfw_backup'@'%';
GRANT SELECT, SHOW VIEW, LOCK TABLES ON `crypto\_ops`.* TO 'cfw_backup'@'%';

-- reader: BI tools and clients. The published marts and the journal, and nothing else.
GRANT SELECT, SHOW VIEW ON `crypto\_marts`.* TO 'cfw_reader'@'%';
