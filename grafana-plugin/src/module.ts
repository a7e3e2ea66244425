import { DataSourcePlugin } from '@grafana/data';
import { ConfigEditor } from './ConfigEditor';
import { QueryEditor } from './QueryEditor';
import { QueryHelp } from './QueryHelp';
import { DataSource } from './datasource';
import type { HeapwatchQuery, Secrets, Settings } from './types';

export const plugin = new DataSourcePlugin<DataSource, HeapwatchQuery, Settings, Secrets>(DataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor)
  .setQueryEditorHelp(QueryHelp);
