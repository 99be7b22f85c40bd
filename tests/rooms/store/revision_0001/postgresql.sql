CREATE TABLE public.signet_alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.signet_epochs (
    user_id character varying(255) NOT NULL,
    epoch bigint NOT NULL
);
CREATE TABLE public.signet_feed (
    n bigint NOT NULL,
    kind character varying(8) NOT NULL,
    subject character varying(255) NOT NULL,
    epoch bigint,
    until bigint NOT NULL
);
CREATE TABLE public.signet_feed_head (
    id integer NOT NULL,
    n bigint NOT NULL,
    floor bigint NOT NULL
);
CREATE TABLE public.signet_key_ring (
    id integer NOT NULL,
    version bigint NOT NULL
);
CREATE TABLE public.signet_keys (
    kid character varying(64) NOT NULL,
    status character varying(16) NOT NULL,
    algorithm character varying(16) NOT NULL,
    sealed_jwk bytea NOT NULL,
    public_jwk text NOT NULL,
    created_at bigint NOT NULL,
    retired_at bigint
);
CREATE TABLE public.signet_sessions (
    id character varying(36) NOT NULL,
    user_id character varying(255) NOT NULL,
    user_kind character varying(4) NOT NULL,
    generation bigint NOT NULL,
    root_key integer NOT NULL,
    exchanged bytea NOT NULL,
    created_at bigint NOT NULL,
    used_at bigint NOT NULL,
    idle_ends_at bigint NOT NULL,
    ends_at bigint NOT NULL,
    device character varying(255),
    address character varying(45),
    ended_at bigint,
    ended_by character varying(16)
);
CREATE TABLE public.signet_users (
    id bigint NOT NULL,
    username character varying(255) NOT NULL,
    username_key character varying(255) NOT NULL,
    email character varying(320),
    email_verified boolean NOT NULL,
    password_hash character varying(512) NOT NULL,
    roles text NOT NULL,
    created_at bigint NOT NULL,
    disabled_at bigint
);
CREATE SEQUENCE public.signet_users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.signet_users_id_seq OWNED BY public.signet_users.id;
ALTER TABLE ONLY public.signet_users ALTER COLUMN id SET DEFAULT nextval('public.signet_users_id_seq'::regclass);
INSERT INTO public.signet_alembic_version VALUES ('0001');
INSERT INTO public.signet_epochs VALUES ('4', 1);
INSERT INTO public.signet_epochs VALUES ('1', 0);
INSERT INTO public.signet_epochs VALUES ('2', 1);
INSERT INTO public.signet_epochs VALUES ('3', 1);
INSERT INTO public.signet_feed VALUES (1, 'user', '4', 1, 4889289906837);
INSERT INTO public.signet_feed VALUES (2, 'session', '01941f29-9787-7ea1-b072-e38c9d0cbcb4', NULL, 4889289907068);
INSERT INTO public.signet_feed VALUES (3, 'user', '2', 1, 4889289907231);
INSERT INTO public.signet_feed VALUES (4, 'user', '3', 1, 4889289907409);
INSERT INTO public.signet_feed_head VALUES (1, 4, 0);
INSERT INTO public.signet_key_ring VALUES (1, 3);
INSERT INTO public.signet_keys VALUES ('MfUBg0UoX7gyZblnDrjEErt1DbnNaxwPpB9NH569xmM', 'retired', 'EdDSA', '\x0100010f185289f8d043c5c408161da47e69a2553d4ef3def1e9faf829d5869d95d9223276874f8829cbe8041cea7dec1224668fc4f3bd05817c2bb08fc2e1917a39172b9e2ea2caaa40b3242283bc6fde19dfa7b2db72f2c9c0ceb00c1041b23739a67e9ff44b8c56fcf3820175414b9abe398ed8c7a7ab9f3096c026e9f1729c00c741b6bce55417f28e11dfab598811d6a84ceb7b10e91b8a4af5a94b9416cae44b4ae95b0f753dd2757f8a561625e694f90a225fea57d6a6483019917b0a548317d5aef8dd53b33b78035d748f06b3ff58113ac4d42318e41a62be2eed0a9848f96683835f3acca51278f99818ac2d0216923843c47786cc31', '{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "MfUBg0UoX7gyZblnDrjEErt1DbnNaxwPpB9NH569xmM", "x": "cHgUP6btGc6A0wpXqEZR6aXGOSfAtQB0HXQ-namcVGY"}', 1735689606938, 1735689607412);
INSERT INTO public.signet_keys VALUES ('yIrRw_FDL07omiMx2uboJuMlx5fJyOttyh-8sFLaHeI', 'current', 'EdDSA', '\x010001306e27f753b268b472edfed7a589b8d2c22f993e553c53713d39e62ad29bae85b2fb38dc7c9de3ac26cd381bff99e3d2aa7f651bd5514cf0bb6e7daa2c3699a7baa0098d746b74e08933961955dff277d3c8bf9962e5abf89505ef6cd234567ee928420c4003ec7a5fecf574044f8f516993b002a9f9a1bf330c5f69c459dcf57ddf1abf394342bf7c6a201b7f67659c0eff311631cca85aebb9d26433e2a306d0df4aa0831095c6b9df6b6a0f84e644f7e34d0605855e81fa3586c63b091f72c3cd76a9376d378b98515ebac0fa461c1917f031787c12976994cdd5715d69e64ae9816d482fc7c1f95bce91e6961a7aa792465fffea9ea9', '{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "yIrRw_FDL07omiMx2uboJuMlx5fJyOttyh-8sFLaHeI", "x": "ZUH2tRQfcLEah-qJdObMIv1QmlYRPIphjv2FxJe2nPc"}', 1735689606943, NULL);
INSERT INTO public.signet_keys VALUES ('Fbq78IaxXSI_wMUBP1hRsRRwsXf5FbiXBpEf9qiK7Ns', 'next', 'EdDSA', '\x0100015032c953c065334a02c7a8817dacc9f4cd91f845b0cfe419e2bcb29b121034f4925b01184edfd08de162c033dc0c33230d49838321148324ad29dee0cbefd20c066c9f75249c83e3bf7f89f9d12b19fddcc2df8a4805d23a4ae4e31b884bc10b76fe4ab95f7b123eaf9593ef73b07cbdbecfb2cdc5340d7958ce44061d03fd3efcd16010569bc03ec18a39d9a1caa3676a7d3b2225a90bfe5e53f3e1b5fb5efb509a78118d1a03b4e413b8621f356db84aff1471dd83c663c2c86ed715ea558c4027d35f1e0133ca9a61745293e1a9034ca8edc2a77e716054ed5c1ca11317b30d042176e573b396b19e524ed63aae5d23c35277aa860a60', '{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "Fbq78IaxXSI_wMUBP1hRsRRwsXf5FbiXBpEf9qiK7Ns", "x": "T2yqm4w7POqsm7gzLNbBJ13dbbI8Pr88_f5IETFikys"}', 1735689607414, NULL);
INSERT INTO public.signet_sessions VALUES ('01941f29-9701-70d3-82e6-1b51b5bab1ca', '1', 'int', 2, 1, '\x000001941f299731', 1735689606920, 1735689606961, 4889289606920, 4889289606920, 'Firefox on a phone', '127.0.0.1', NULL, NULL);
INSERT INTO public.signet_sessions VALUES ('01941f29-9787-7ea1-b072-e38c9d0cbcb4', '1', 'int', 1, 1, '\x', 1735689607058, 1735689607058, 4889289607058, 4889289607058, 'Firefox on a phone', '127.0.0.1', 1735689607067, 'logout');
INSERT INTO public.signet_sessions VALUES ('01941f29-97df-7dff-9503-131a14bf8ac3', '1', 'int', 1, 1, '\x', 1735689607146, 1735689607146, 4889289607146, 4889289607146, 'Firefox on a phone', '127.0.0.1', NULL, NULL);
INSERT INTO public.signet_sessions VALUES ('01941f29-982c-79c2-8eb3-7c1067d30319', '2', 'int', 1, 1, '\x', 1735689607221, 1735689607221, 4889289607221, 4889289607221, 'Firefox on a phone', '127.0.0.1', 1735689607231, 'everywhere');
INSERT INTO public.signet_sessions VALUES ('01941f29-987f-7ce0-bbc0-24a52b8a2bdb', '2', 'int', 1, 1, '\x', 1735689607307, 1735689607307, 4889289607307, 4889289607307, 'Firefox on a phone', '127.0.0.1', NULL, NULL);
INSERT INTO public.signet_sessions VALUES ('01941f29-98d8-72b8-a421-7da98dcc0381', '3', 'int', 1, 1, '\x', 1735689607396, 1735689607396, 4889289607396, 4889289607396, 'Firefox on a phone', '127.0.0.1', 1735689607405, 'everywhere');
INSERT INTO public.signet_sessions VALUES ('01941f29-9946-709d-81d6-b23d67d3f235', '2', 'int', 1, 1, '\x', 1735689607497, 1735689607497, 4889289607497, 4889289607497, 'Firefox on a phone', '127.0.0.1', NULL, NULL);
INSERT INTO public.signet_users VALUES (1, 'Ada', 'ada', 'ada@example.org', false, '$argon2id$v=19$m=19456,t=2,p=1$peHW1x0CVGvxIba/KX2GZQ$ZuaGHkGC8DR7FSR7KYs6Qxflcgs0jpjRmixdqn9V4H4', '["admin"]', 1735689606605, NULL);
INSERT INTO public.signet_users VALUES (2, 'bob', 'bob', NULL, false, '$argon2id$v=19$m=19456,t=2,p=1$YUPehj4+IdFX3nCYevfqCA$h1V+U0rfLTT+BQPVAcTyzK3f4Yzy6lfZ6OrFG1folns', '[]', 1735689606684, NULL);
INSERT INTO public.signet_users VALUES (3, 'eve', 'eve', NULL, false, '$argon2id$v=19$m=19456,t=2,p=1$14Mzxq2Rsl9g1lUG2YSJ5A$FXnSeuiX94BwEO9pp29THVhnPT4lX194Cn/YRReUbOg', '[]', 1735689606761, 1735689607396);
SELECT pg_catalog.setval('public.signet_users_id_seq', 4, true);
ALTER TABLE ONLY public.signet_epochs
    ADD CONSTRAINT pk_signet_epochs PRIMARY KEY (user_id);
ALTER TABLE ONLY public.signet_feed
    ADD CONSTRAINT pk_signet_feed PRIMARY KEY (n);
ALTER TABLE ONLY public.signet_feed_head
    ADD CONSTRAINT pk_signet_feed_head PRIMARY KEY (id);
ALTER TABLE ONLY public.signet_key_ring
    ADD CONSTRAINT pk_signet_key_ring PRIMARY KEY (id);
ALTER TABLE ONLY public.signet_keys
    ADD CONSTRAINT pk_signet_keys PRIMARY KEY (kid);
ALTER TABLE ONLY public.signet_sessions
    ADD CONSTRAINT pk_signet_sessions PRIMARY KEY (id);
ALTER TABLE ONLY public.signet_users
    ADD CONSTRAINT pk_signet_users PRIMARY KEY (id);
ALTER TABLE ONLY public.signet_alembic_version
    ADD CONSTRAINT signet_alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.signet_users
    ADD CONSTRAINT uq_signet_users_username_key UNIQUE (username_key);
CREATE INDEX ix_signet_feed_until ON public.signet_feed USING btree (until);
CREATE INDEX ix_signet_sessions_ends_at ON public.signet_sessions USING btree (ends_at);
CREATE INDEX ix_signet_sessions_user_id ON public.signet_sessions USING btree (user_id);
