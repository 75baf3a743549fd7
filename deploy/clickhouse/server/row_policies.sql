-- Row policies for a ClickHouse server: users of BI tools and notebooks that ask ClickHouse itself, each of one tenant.
--
-- UNTESTED. The embedded engine has neither users nor policies; a test asserts only that ClickHouse reads these
-- statements. Try them on your server as a user of one tenant before you rely on them.
--
-- Not for the connector, which runs the numbered files beside this folder alone: an administrator runs it once, after
-- the connector has made the tables. `voc` is clickhouse.database; voc_connector and voc_api are the users of the two
-- programs (clickhouse.user). The server has to allow settings of our own: `<custom_settings_prefixes>SQL_</…>`, which
-- is in ClickHouse's own config.xml.
--
-- The API is not one of these users: it asks for every tenant with one user, takes the tenant from the credential, and
-- binds it in each statement. A policy by user cannot tell its callers apart, so it reads all rows here.

-- Who is of one tenant. Tables that are not named here it may not read at all.
CREATE ROLE IF NOT EXISTS voc_bi;

GRANT SELECT ON voc.voc_events TO voc_bi;
GRANT SELECT ON voc.voc_annotations TO voc_bi;
GRANT SELECT ON voc.voc_dead_letters TO voc_bi;
GRANT SELECT ON voc.voc_conflicts TO voc_bi;

-- One policy for the whole database: a table that comes later is covered, and one without a tenant_id is an error for
-- the role instead of a leak. Where the setting is missing, getSetting is an error too.
CREATE ROW POLICY IF NOT EXISTS voc_of_one_tenant ON voc.* FOR SELECT
    USING tenant_id = getSetting('SQL_voc_tenant') TO voc_bi;

-- With a policy on a table, other users read no rows of it where the server says
-- users_without_row_policies_can_read_rows = false: so the two programs have one that lets them.
CREATE ROW POLICY IF NOT EXISTS voc_of_every_tenant ON voc.* FOR SELECT USING 1 TO voc_connector, voc_api;

-- A user for each tenant. CONST: it cannot choose another tenant, neither with SET nor with SETTINGS; and the limits
-- keep one from taking the server from all others. The dashboards set two settings of a query themselves, so the user
-- is not `readonly = 1`; it has no grant to write anything.
CREATE USER IF NOT EXISTS voc_bi_acme IDENTIFIED WITH sha256_hash BY '0000000000000000000000000000000000000000000000000000000000000000'
    DEFAULT ROLE voc_bi
    SETTINGS SQL_voc_tenant = 'acme' CONST, max_execution_time = 30 MAX 60, max_memory_usage = 2000000000 MAX 4000000000,
        max_rows_to_read = 200000000 MAX 1000000000;

GRANT voc_bi TO voc_bi_acme;
